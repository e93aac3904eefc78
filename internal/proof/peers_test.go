package proof

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/baidubce/bce-sdk-go/auth"
	"github.com/baidubce/bce-sdk-go/bce"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
)

// The retries of a client can be random: so once shows little.
var peersEach = flag.Int("peers", 1, "how often each client of TestCampaignPeers meets each fault")

// errFailed is what a client's error comes to that says neither that nothing was bought nor that it is unknown.
var errFailed = errors.New("failed")

// TestCampaignPeers prints, for the same faults, what each client led its caller to believe and what the ledger says.
func TestCampaignPeers(t *testing.T) {
	skipIfRacy(t)
	ours, theirs := meetEveryFault(t, ourBuyer), meetEveryFault(t, bceBuyer)
	t.Logf("\n| client | purchases | ordered twice | bought, but no order | not purchased, but an order exists | failed, but an order exists | requests at another address |\n"+
		"|---|---|---|---|---|---|---|\n| this client %s\n| bce-sdk-go's BceClient %s", ours, theirs)
	assert.Equal(t, harm{purchases: ours.purchases}, ours)
	assert.NotZero(t, theirs.twice, "the faults are none, or nobody counts")
}

// harm is what a client's answers did to its callers.
type harm struct {
	purchases, twice, claimed, hidden, vague int
	redirects                                int64
}

func (h harm) String() string {
	return fmt.Sprintf("| %d | %d | %d | %d | %d | %d |", h.purchases, h.twice, h.claimed, h.hidden, h.vague, h.redirects)
}

// meetEveryFault buys from a fresh service.
func meetEveryFault(t *testing.T, newBuyer func(t *testing.T, endpoint string) func(serviceID string) error) harm {
	s := startStage(t)
	buy := newBuyer(t, s.url)
	var told sync.Map
	share(*peersEach*len(s.faults), func(n int) {
		id := fmt.Sprintf("svco-%d", n)
		s.planned.Store(id, s.faults[n%len(s.faults)])
		told.Store(id, buy(id))
	})
	s.network.Close()
	return s.harm(&told)
}

// harm counts what callers were told, by service id: an error, or nil for bought.
func (s *stage) harm(told *sync.Map) harm {
	orders := s.orders()
	h := harm{redirects: s.redirects.Load()}
	for id, err := range told.Range {
		h.purchases++
		switch n := len(orders[id.(string)]); {
		case n > 1:
			h.twice++
		case n == 0 && err == nil:
			h.claimed++
		case n == 1 && err == computeunit.ErrNotPurchased:
			h.hidden++
		case n == 1 && err == errFailed:
			h.vague++
		}
	}
	return h
}

func ourBuyer(t *testing.T, endpoint string) func(string) error {
	client := newClient(t, endpoint, computeunit.WithTimeout(campaignPatience))
	return func(serviceID string) error {
		_, err := client.PurchaseComputeUnit(t.Context(), prepaidFor(serviceID))
		if failed := (*computeunit.OutcomeError)(nil); errors.As(err, &failed) {
			return failed.Outcome
		}
		return err
	}
}

// bceBuyer uses BceClient with its own defaults, but for a time-out that lets the test end. It does as that SDK's own services
// do: send, parse, and look for nothing more.
func bceBuyer(t *testing.T, endpoint string) func(string) error {
	patience := campaignPatience
	client, err := bce.NewBceClientWithExclusiveHTTPClient(&bce.BceClientConfiguration{
		Endpoint:                  endpoint,
		Credentials:               &auth.BceCredentials{AccessKeyId: "ak", SecretAccessKey: "sk"},
		SignOption:                &auth.SignOptions{HeadersToSign: map[string]struct{}{"host": {}}, ExpireSeconds: auth.DEFAULT_EXPIRE_SECONDS},
		Retry:                     bce.DEFAULT_RETRY_POLICY,
		ConnectionTimeoutInMillis: int(patience / time.Millisecond),
		HTTPClientTimeout:         &patience,
	}, &auth.BceV1Signer{})
	require.NoError(t, err)
	return func(serviceID string) error {
		var bought computeunit.PurchaseComputeUnitResponse
		err := bce.NewRequestBuilder(client).WithMethod(http.MethodPost).WithURL("/v2/serviceresources").
			WithQueryParam("Action", "PurchaseComputeUnit").WithBody(prepaidFor(serviceID)).WithResult(&bought).Do()
		if err != nil {
			return errFailed
		}
		return nil
	}
}
