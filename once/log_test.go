package once_test

import (
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/computeunittest"
	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
)

func messages(l *logged) []string {
	return found(l, `msg="?(?:once: )([^"\n]*?)"? (?:key|schema|error)=`)
}
func errorsOf(l *logged) []string { return found(l, `level=ERROR msg="once: ([^"]*)"`) }

func found(l *logged, pattern string) (all []string) {
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(l.String(), -1) {
		all = append(all, match[1])
	}
	return all
}

// One event is one record, and an error only if a person is needed.
func TestEachStepIsLogged(t *testing.T) {
	for name, test := range map[string]struct {
		fates        []proof.Fate
		lag          time.Duration
		want, errors []string
	}{
		"bought":       {nil, 0, []string{"claimed", "sending", "bought"}, nil},
		"refused once": {[]proof.Fate{proof.RefuseRetry}, 0, []string{"claimed", "sending", "refused", "sending", "bought"}, nil},
		"refused":      {[]proof.Fate{proof.Refuse}, 0, []string{"claimed", "sending", "refused", "not purchased"}, nil},
		"settled":      {[]proof.Fate{proof.LoseAnswer}, 0, []string{"claimed", "sending", "unknown", "settled"}, nil},
		"not settled": {[]proof.Fate{proof.LoseAnswer}, time.Hour, []string{"claimed", "sending", "unknown", "not settled"},
			[]string{"not settled"}},
	} {
		t.Run(name, func(t *testing.T) {
			inBench(t, func(t *testing.T, b *bench) {
				b.requests = test.fates
				b.lag(test.lag)
				log := new(logged)
				buyer := b.process(once.WithLogger(log.logger()))
				buyer.Buy(t.Context(), "a", prepaid)
				for range 3 { // which has nothing new to say
					_, err := buyer.Settle(t.Context())
					require.NoError(t, err)
				}
				assert.Equal(t, test.want, messages(log))
				assert.Equal(t, test.errors, errorsOf(log))
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
			`instance_id=instance-1 order_id=order-1 client_request_id=`+bought.RequestID)
	})
}

func TestAResolutionIsLogged(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.leaveUnknown("a", proof.Lose)
		log := new(logged)
		_, err := b.process(once.WithLogger(log.logger())).ResolveBought(t.Context(), "a", once.Found{OrderID: "o"})
		require.NoError(t, err)
		assert.Equal(t, []string{"resolved"}, messages(log))
	})
}

// A person is paged for each record of an error.
func TestWhatAListingSettledDuringItsAttemptIsNotLoggedAsUnknown(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		log := new(logged)
		b.fates(proof.LoseAnswer)
		bought, err := b.process(once.WithLogger(log.logger())).Buy(t.Context(), "a", prepaid)
		require.NoError(t, err)
		assert.Equal(t, once.EvidenceListing, bought.Evidence)
		assert.Empty(t, errorsOf(log))
	})
}

// The client's records of the call are no reason to wake a person, either.
func TestTheClientsRecordOfAnUnknownOutcomeIsAWarning(t *testing.T) {
	service := computeunittest.NewServer()
	defer service.Close()
	service.NextPurchases(computeunittest.LoseAnswer())
	log := new(logged)
	c, err := computeunit.NewClient(computeunit.StaticCredentials(service.Credentials.AccessKeyID, service.Credentials.SecretAccessKey),
		computeunit.WithEndpoint(service.URL), computeunit.WithLogger(log.logger()))
	require.NoError(t, err)
	buyer, err := once.New(c, once.InMemory(), once.WithLogger(log.logger()))
	require.NoError(t, err)
	_, err = buyer.Buy(t.Context(), "a", prepaid)
	require.NoError(t, err)
	assert.Contains(t, log.String(), `level=WARN msg="computeunit: outcome unknown"`)
	assert.NotContains(t, log.String(), "level=ERROR")
}
