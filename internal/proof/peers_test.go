package proof

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
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
	ours, row := meetEveryFault(t, ourBuyer)
	theirs, theirRow := meetEveryFault(t, bceBuyer)
	t.Logf("\n| client | purchases | ordered twice | bought, but no such order | not purchased, but an order exists | failed, but an order exists | requests at another address |\n"+
		"|---|---|---|---|---|---|---|\n| this client %s\n| bce-sdk-go's BceClient %s", row, theirRow)
	assert.Regexp(t, `^\| \d+( \| 0){5} \|$`, row)
	assert.Empty(t, ours.examples)
	assert.NotZero(t, theirs.double, "the faults are none, or nobody counts")
}

// buyer buys for a service.
type buyer func(serviceID string) (*computeunit.PurchaseComputeUnitResponse, error)

// meetEveryFault buys from a fresh service, and returns its row of the table too.
func meetEveryFault(t *testing.T, newBuyer func(t *testing.T, endpoint string) buyer) (result audit, row string) {
	s := startStage(t)
	buy := newBuyer(t, s.url)
	purchases := make([]purchase, *peersEach*len(s.faults))
	share(len(purchases), func(n int) {
		p := purchase{serviceID: fmt.Sprintf("svco-%d", n), fault: s.faults[n%len(s.faults)]}
		s.planned.Store(p.serviceID, p.fault)
		p.response, p.err = buy(p.serviceID)
		purchases[n] = p
	})
	s.network.Close()
	s.audit(&result, purchases)
	return result, fmt.Sprintf("| %d | %d | %d | %d | %d | %d |",
		len(purchases), result.double, result.claimed, result.hidden, result.vague, s.redirects.Load())
}

func ourBuyer(t *testing.T, endpoint string) buyer {
	client := newClient(t, endpoint, computeunit.WithTimeout(campaignPatience))
	return func(serviceID string) (*computeunit.PurchaseComputeUnitResponse, error) {
		return client.PurchaseComputeUnit(t.Context(), prepaidFor(serviceID))
	}
}

// bceBuyer uses BceClient with its own defaults, but for a time-out that lets the test end. It does as that SDK's own services
// do: send, parse, and look for nothing more.
func bceBuyer(t *testing.T, endpoint string) buyer {
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
	return func(serviceID string) (*computeunit.PurchaseComputeUnitResponse, error) {
		var bought computeunit.PurchaseComputeUnitResponse
		err := bce.NewRequestBuilder(client).WithMethod(http.MethodPost).WithURL("/v2/serviceresources").
			WithQueryParam("Action", "PurchaseComputeUnit").WithBody(prepaidFor(serviceID)).WithResult(&bought).Do()
		if err != nil {
			err = errFailed
		}
		return &bought, err
	}
}
