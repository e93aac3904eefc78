package once_test

import (
	"sync"
	"testing"
	"time"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/proof/model"
	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
)

// One event is one record. A person is paged for each of an error.
func TestEachStepIsLogged(t *testing.T) {
	type records struct{ messages, errors []string }
	inBenches(t, map[proof.Fate]records{
		proof.Go:          {[]string{"claimed", "sending", "bought"}, nil},
		proof.RefuseRetry: {[]string{"claimed", "sending", "refused", "sending", "bought"}, nil},
		proof.Refuse:      {[]string{"claimed", "sending", "refused", "not purchased"}, nil},
		proof.LoseAnswer:  {[]string{"claimed", "sending", "unknown", "settled"}, nil},
		proof.Lose:        {[]string{"claimed", "sending", "unknown", "not settled"}, []string{"not settled"}},
	}, func(b *bench, fate proof.Fate, want records) {
		b.fates(fate)
		b.buy("a")
		b.NotContains(b.log.errors(), "not settled", "it may still settle itself")
		for range 3 {
			time.Sleep(time.Minute)
			b.settle() // which says it once
		}
		b.Equal(want, records{b.log.messages(), b.log.errors()})
	})
}

func TestWhatIsNotSettledIsReportedByOneOfThoseWhoLook(t *testing.T) {
	inBench(t, func(b *bench) {
		b.leaveUnknown("a", proof.Lose)
		time.Sleep(time.Minute)
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() { b.process().Buy(b.ctx, "a", prepaid) })
		}
		all.Wait()
		b.Equal([]string{"not settled"}, b.log.errors())
	})
}

func TestARecordNamesThePurchase(t *testing.T) {
	inBench(t, func(b *bench) {
		bought := b.bought("a")
		b.Contains(b.log.String(), `level=INFO msg="once: bought" key=a service_id=svco-1 state=bought evidence=answer `+
			`instance_id=instance-1 order_id=order-1 client_request_id=`+bought.RequestID)
	})
}

// The client's records of the call are no reason to wake a person, either.
func TestTheClientsRecordOfAnUnknownOutcomeIsAWarning(t *testing.T) {
	inBench(t, func(b *bench) {
		memory := func(*proof.Process) once.Journal { return once.InMemory() }
		c, err := model.NewClient(proof.NewProcess(b.world, b, memory), computeunit.WithLogger(b.log.logger()))
		b.NoError(err)
		buyer, err := once.New(c, once.InMemory())
		b.NoError(err)
		b.fates(proof.LoseAnswer)
		_, err = buyer.Buy(b.ctx, "a", prepaid)
		b.NoError(err)
		b.Contains(b.log.String(), `level=WARN msg="computeunit: outcome unknown"`)
		b.NotContains(b.log.String(), "level=ERROR")
	})
}
