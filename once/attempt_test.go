package once_test

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/proof/model"
	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
)

// The service tolerates this clock. A fence that far in the future would keep a person from settling anything.
func TestNothingIsSentWithAClockThatIsFarAhead(t *testing.T) {
	listed := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	assert.NoError(t, once.CheckFence(listed.Add(10*time.Minute), listed))
	assert.ErrorContains(t, once.CheckFence(listed.Add(10*time.Minute+time.Second), listed), "clock")
}

// Rule 7. TestSchedule holds what an answer does to a record against the ledger.

func TestTwoAnswersForAKeyAreBothKept(t *testing.T) {
	inBench(t, func(b *bench) {
		b.lag(10 * time.Hour)
		first := b.buySlowly("a")
		time.Sleep(40 * time.Minute)
		_, err := b.none() // a person who is mistaken
		b.NoError(err)
		second := b.bought("a")
		bought := <-first
		second.Others = []once.Order{{InstanceID: "instance-1", OrderID: "order-1", RequestID: bought.Others[0].RequestID}}
		b.Equal(second, bought)
		b.Equal("instance-2", bought.InstanceID)
		b.Equal([]string{"bought twice"}, b.log.errors())
	})
}

// given has a listing give key b the instance of a, whose answer is late, because a person has resolved a wrongly.
func given(b *bench, fate proof.Fate) (bought chan once.Purchase) {
	b.lag(5 * time.Minute)
	bought = b.buySlowly("a")
	_, err := b.found(once.Found{InstanceID: "mistaken", Unlisted: true})
	b.NoError(err)
	b.lag(10 * time.Hour)
	b.fates(fate)
	b.buy("b")
	time.Sleep(10 * time.Minute)
	b.Empty(b.settle())
	b.Equal("instance-1", b.purchase("b").InstanceID)
	return bought
}

func TestAnAnswerOpensThePurchaseAgainThatHasItsInstance(t *testing.T) {
	inBenches(t, map[proof.Fate]once.Purchase{
		proof.Lose:      {State: once.StateSending, Unknown: true},
		proof.OrderOnly: {State: once.StateBought, Evidence: once.EvidenceAnswer, OrderID: "order-2"}, // its order is known
	}, func(b *bench, fate proof.Fate, want once.Purchase) {
		b.Equal("instance-1", (<-given(b, fate)).InstanceID)
		began := time.Now()
		b.Equal("b", b.blocked("c").Key, "b keeps the service closed again")
		b.Less(time.Since(began), 5*time.Second, "nobody works on it")
		said := b.log.errors()
		b.Equal("opened again: its instance is another key's", said[len(said)-1], "and not that a look has not settled it")
		again := b.purchase("b")
		b.Equal(want, once.Purchase{
			State: again.State, Evidence: again.Evidence, Unknown: again.Unknown, InstanceID: again.InstanceID, OrderID: again.OrderID,
		})
	})
}

// The purchase that is opened again can't close its service while a third key has it, and no listing settles it then.
// Then something that all rests on is broken: the first keeps it, and the second one's caller hears of it all the same.
func TestTwoAnswersThatNameOneInstanceAreNotBothWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := &model.Service{}
		service.Between = func(r *http.Request, serve func() *http.Response) (*http.Response, error) {
			if model.IsPurchase(r) {
				return service.Response(http.StatusOK, map[string]any{"requestId": "r", "result": map[string]string{"instanceId": "one"}}), nil
			}
			return serve(), nil
		}
		client, err := model.NewClient(service)
		require.NoError(t, err)
		log := new(logged)
		buyer, err := once.New(client, once.InMemory(), once.WithLogger(log.logger()))
		require.NoError(t, err)
		for _, key := range []string{"a", "b"} {
			bought, err := buyer.Buy(t.Context(), key, model.Prepaid("svco-"+key))
			require.NoError(t, err)
			assert.Equal(t, "one", bought.InstanceID)
		}
		kept, _, err := buyer.Lookup(t.Context(), "a")
		require.NoError(t, err)
		assert.Equal(t, "one", kept.InstanceID)
		assert.Equal(t, []string{"bought, but the journal can't be written"}, log.errors())
	})
}

func TestAPurchaseThatIsOpenedAgainWaitsForItsService(t *testing.T) {
	inBench(t, func(b *bench) {
		bought := given(b, proof.Lose)
		b.leaveUnknown("c", proof.LoseAnswer)
		<-bought
		b.world.ListAll()
		_, err := b.buy("b") // which looks for b's order only
		b.says("unknown, pending", err)
		for range 2 {
			open := b.settle()
			b.Len(open, 1, "c is settled, and b is not given c's instance")
			b.Equal("b", open[0].Key)
		}
		b.Equal("instance-2", b.purchase("c").InstanceID)
		b.world.Add("found")
		b.Empty(b.settle(), "the service is free")
		b.Equal("found", b.purchase("b").InstanceID)
	})
}

// Rule 8: what the journal could not take.

func TestAnAnswerThatCanNotBeWrittenIsReturnedAndWrittenLater(t *testing.T) {
	inBenches(t, map[string]func(context.Context, *once.Buyer) error{
		"Buy":      func(ctx context.Context, b *once.Buyer) error { _, err := b.Buy(ctx, "a", prepaid); return err },
		"Settle":   func(ctx context.Context, b *once.Buyer) error { _, err := b.Settle(ctx); return err },
		"Shutdown": func(ctx context.Context, b *once.Buyer) error { return b.Shutdown(ctx) },
	}, func(b *bench, _ string, next func(context.Context, *once.Buyer) error) {
		b.lag(time.Hour)
		b.journalIsAway(proof.Received, 30*time.Second)
		buyer := b.process()
		bought, err := buyer.Buy(b.ctx, "a", prepaid)
		b.NoError(err)
		b.Equal("instance-1", bought.InstanceID)
		b.Equal([]string{"bought, but the journal can't be written"}, b.log.errors())
		time.Sleep(30 * time.Second)
		b.is(once.StateSending, "a")
		b.NoError(next(b.ctx, buyer))
		b.Equal(bought, b.purchase("a"))
	})
}

func TestARefusalThatCanNotBeWrittenIsWrittenLater(t *testing.T) {
	for _, fate := range []proof.Fate{proof.Refuse, proof.RefuseRetry} {
		inBench(t, func(b *bench) {
			b.fates(fate)
			b.journalIsAway(proof.Received, 30*time.Second)
			buyer := b.process()
			_, err := buyer.Buy(b.ctx, "a", prepaid)
			b.says("unknown, pending", err)
			b.Equal(1, b.sent, "no other attempt follows")
			b.Len(b.log.errors(), 1)
			time.Sleep(30 * time.Second)
			settled, err := buyer.Settle(b.ctx)
			b.NoError(err)
			b.Len(settled, 1) // it was open when Settle began
			b.Equal(once.StateNotPurchased, settled[0].State)
			b.Contains(settled[0].Refusal, "HTTP 4")
			b.Equal(settled[0], b.purchase("a"))
			b.bought("b") // the service is free
		})
	}
}

// Another process has taken over, and its attempt lives.
func TestAKeptRefusalIsNotWrittenOverALaterClaim(t *testing.T) {
	inBench(t, func(b *bench) {
		b.fates(proof.Refuse)
		b.journalIsAway(proof.Received, 30*time.Second)
		stale := b.process()
		_, err := stale.Buy(b.ctx, "a", prepaid)
		b.Error(err)
		time.Sleep(time.Hour)
		_, err = b.none()
		b.NoError(err)
		b.leaveUnknown("a", proof.Lose)
		_, err = stale.Settle(b.ctx)
		b.NoError(err)
		b.is(once.StateSending, "a")
		b.Contains(b.log.messages(), "dropped what could not be written")
	})
}

// A kept outcome of an attempt that was prevented has no request id. Its claim differs from a later one.
func TestAKeptPreventionIsNotWrittenOverALaterClaim(t *testing.T) {
	inBench(t, func(b *bench) {
		b.directs(func(kind proof.Kind) proof.Fate {
			if kind == proof.List {
				b.world.Away(30*time.Second, false)
				return proof.Fail
			}
			return proof.Go
		})
		stale := b.process()
		_, err := stale.Buy(b.ctx, "a", prepaid)
		b.says("unknown, pending", err)
		time.Sleep(time.Hour)
		b.at(proof.List, func() { // of the later claim
			_, err := stale.Settle(b.ctx)
			assert.NoError(b.t, err)
			b.is(once.StatePreparing, "a")
		})
		b.bought("a")
	})
}

func TestShutdownNamesWhatItCouldNotWrite(t *testing.T) {
	for _, left := range []time.Duration{time.Second, time.Hour} { // it is being written, or is kept
		inBench(t, func(b *bench) {
			b.journalIsAway(proof.Received, 3*time.Hour)
			buyer := b.process()
			go buyer.Buy(b.ctx, "a", prepaid)
			time.Sleep(left)
			for _, limit := range []time.Duration{5 * time.Second, time.Hour, time.Second} {
				began := time.Now()
				b.ErrorContains(buyer.Shutdown(b.within(limit)), `key "a", instance "instance-1", order "order-1", request id "`)
				b.LessOrEqual(time.Since(began), min(limit+time.Second, 30*time.Second))
			}
			time.Sleep(3 * time.Hour)
			b.NoError(buyer.Shutdown(b.ctx))
		})
	}
}

// A logger that panics, too, leaves no state, and its panic can be caught.
func TestAPanicOfTheLoggerLeavesNoState(t *testing.T) {
	for _, at := range []string{"claimed", "sending", ""} { // the last one at each record
		inBench(t, func(b *bench) {
			client, err := model.NewClient(new(model.Service))
			b.NoError(err)
			buyer, err := once.New(client, once.JournalOf(b.records), once.WithLogger(slog.New(panicking{slog.DiscardHandler, at})))
			b.NoError(err)
			b.Panics(func() { buyer.Buy(b.ctx, "a", prepaid) })
			b.is(once.StateNotPurchased, "a")
		})
	}
}

// panicking is a handler that panics at a record.
type panicking struct {
	slog.Handler
	at string
}

func (panicking) Enabled(context.Context, slog.Level) bool { return true }

func (p panicking) Handle(_ context.Context, record slog.Record) error {
	if strings.Contains(record.Message, p.at) {
		panic("oops")
	}
	return nil
}

// Shutdown writes what is kept on a goroutine of its own.
func TestAPanicOfTheLoggerInShutdownCanBeCaught(t *testing.T) {
	inBench(t, func(b *bench) {
		buyer := proof.NewProcess(b.world, b, func(p *proof.Process) once.Journal { return once.JournalOf(p.Store(b.records)) },
			once.WithLogger(slog.New(panicking{slog.DiscardHandler, "once: bought"}))).Buyer
		b.journalIsAway(proof.Received, 30*time.Second)
		b.Panics(func() { buyer.Buy(b.ctx, "a", prepaid) })
		time.Sleep(30 * time.Second)
		b.Panics(func() { buyer.Shutdown(b.ctx) })
	})
}

// The caller's hooks can list with the context that they get, which has package once's hooks.
func TestACallInAHookIsNoAttempt(t *testing.T) {
	inBench(t, func(b *bench) {
		other, err := model.NewClient(&b.world.Service)
		b.NoError(err)
		look := func(ctx context.Context, a computeunit.AttemptInfo) error {
			if a.Action == "PurchaseComputeUnit" {
				_, err := other.DescribeComputeUnits(ctx, computeunit.DescribeComputeUnitsRequest{ServiceID: a.ServiceID})
				b.NoError(err)
			}
			return nil
		}
		hooks := computeunit.Hooks{BeforeAttempt: look, AfterAttempt: func(ctx context.Context, a computeunit.AttemptInfo, _ error) error { return look(ctx, a) }}
		b.lag(time.Hour)
		b.fates(proof.LoseAnswer)
		_, err = b.process().Buy(computeunit.ContextWithHooks(b.ctx, hooks), "a", prepaid)
		b.says("unknown, pending", err)
		b.is(once.StateSending, "a")
	})
}

// A panic in a hook, or while signing, goes on in Buy. What is known is written: nothing was sent, or it was refused.
func TestAPanicLeavesNoState(t *testing.T) {
	inBenches(t, map[proof.Fate]once.State{
		proof.Go: once.StateNotPurchased, proof.Refuse: once.StateNotPurchased, proof.RefuseRetry: once.StateNotPurchased, proof.Lose: once.StateSending,
	}, func(b *bench, fate proof.Fate, want once.State) {
		hooks := computeunit.Hooks{AfterAttempt: func(_ context.Context, a computeunit.AttemptInfo, _ error) error {
			if a.Action == "PurchaseComputeUnit" {
				panic("oops")
			}
			return nil
		}}
		if fate == proof.Go {
			hooks = computeunit.Hooks{BeforeAttempt: func(context.Context, computeunit.AttemptInfo) error { panic("oops") }}
		}
		b.fates(fate)
		ctx := computeunit.ContextWithHooks(b.ctx, hooks)
		b.PanicsWithValue("oops", func() { b.process().Buy(ctx, "a", prepaid) })
		left := b.purchase("a")
		b.Equal(want, left.State)
		b.Equal(left.Open(), left.Unknown)
		if !left.Open() {
			b.bought("b") // the service is free
		}
	})
}
