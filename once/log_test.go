package once_test

import (
	"context"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
)

func messages(l *logged) (all []string) {
	for _, match := range regexp.MustCompile(`msg="once: ([^"]*)"`).FindAllStringSubmatch(l.String(), -1) {
		all = append(all, match[1])
	}
	return all
}

func TestEachStepIsLogged(t *testing.T) {
	for name, test := range map[string]struct {
		fates []proof.Fate
		lag   time.Duration
		want  []string
	}{
		"bought":       {nil, 0, []string{"claimed", "sending", "bought"}},
		"refused once": {[]proof.Fate{proof.RefuseRetry}, 0, []string{"claimed", "sending", "refused", "sending", "bought"}},
		"refused":      {[]proof.Fate{proof.Refuse}, 0, []string{"claimed", "sending", "refused", "not purchased"}},
		"unknown":      {[]proof.Fate{proof.LoseAnswer}, time.Hour, []string{"claimed", "sending", "unknown"}},
		"settled":      {[]proof.Fate{proof.LoseAnswer}, 0, []string{"claimed", "sending", "unknown", "settled"}},
	} {
		t.Run(name, func(t *testing.T) {
			inBench(t, func(t *testing.T, b *bench) {
				b.requests, b.world.Lag = test.fates, func() time.Duration { return test.lag }
				log := new(logged)
				b.process(once.WithLogger(log.logger())).Buy(t.Context(), "a", prepaid)
				assert.Equal(t, test.want, messages(log))
			})
		})
	}
}

func TestARecordNamesThePurchase(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		log := new(logged)
		bought, err := b.process(once.WithLogger(log.logger())).Buy(t.Context(), "a", prepaid)
		require.NoError(t, err)
		assert.Contains(t, log.String(), `level=INFO msg="once: bought" key=a service_id=svco-1 state=bought evidence=answer `+
			`instance_id=instance-1 order_id=order-1 request_id=`+bought.RequestID)
	})
}

func TestAResolutionIsLogged(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.leaveUnknown("a", proof.Lose)
		log := new(logged)
		_, err := b.process(once.WithLogger(log.logger())).ResolveBought(t.Context(), "a", "i", "")
		require.NoError(t, err)
		assert.Equal(t, []string{"resolved"}, messages(log))
	})
}

// What is logged is about the key: the client's advice, to list before buying again, is not for who has a journal.
func TestAnUnknownOutcomeIsLoggedWithTheKeysAdvice(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		var written logged
		b.requests = []proof.Fate{proof.Lose}
		_, err := b.process(once.WithLogger(written.logger())).Buy(context.Background(), "a", prepaid)
		require.ErrorIs(t, err, computeunit.ErrOutcomeUnknown)
		assert.Contains(t, written.String(), "never sends again")
		assert.NotContains(t, written.String(), "before buying again")
	})
}
