package proof

import (
	"errors"
	"flag"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/baidubce/bce-sdk-go/auth"
	"github.com/baidubce/bce-sdk-go/bce"
	bcehttp "github.com/baidubce/bce-sdk-go/http"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/simulator"
)

// The retries of a client can be random: so once shows little.
var peersEach = flag.Int("peers", 1, "how often each client of TestCampaignPeers meets each fault")

// belief is what a client's answer makes its caller believe.
type belief string

const (
	believesBought  belief = "bought"
	believesNothing belief = "not purchased"
	believesFailure belief = "failed" // an error, and nothing in it that says which of the two it was
	believesUnknown belief = "unknown"
)

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

// meetEveryFault buys from a fresh simulator.
func meetEveryFault(t *testing.T, newBuyer func(*testing.T, string) func(string) belief) harm {
	service := startFaultyService(t, 2*campaignPatience)
	buy := newBuyer(t, service.url)
	told := map[string]belief{}
	var mu sync.Mutex
	var callers sync.WaitGroup
	free := make(chan struct{}, campaignCallers)
	for fault := range service.faults {
		for n := range *peersEach {
			free <- struct{}{}
			callers.Go(func() {
				id := plan{number: n, fault: fault}.serviceID()
				believed := buy(id)
				mu.Lock()
				told[id] = believed
				mu.Unlock()
				<-free
			})
		}
	}
	callers.Wait()
	service.awaitQuiet(t)
	return countHarm(told, service)
}

func countHarm(told map[string]belief, service *faultyService) harm {
	orders := service.orders()
	h := harm{purchases: len(told), redirects: service.redirects.Load()}
	for id, believed := range told {
		switch n := len(orders[id]); {
		case n > 1:
			h.twice++
		case n == 0 && believed == believesBought:
			h.claimed++
		case n == 1 && believed == believesNothing:
			h.hidden++
		case n == 1 && believed == believesFailure:
			h.vague++
		}
	}
	return h
}

func ourBuyer(t *testing.T, url string) func(string) belief {
	client := newClient(t, url, computeunit.WithTimeout(campaignPatience))
	return func(serviceID string) belief {
		_, err := client.PurchaseComputeUnit(t.Context(), prepaidFor(serviceID))
		switch {
		case err == nil:
			return believesBought
		case errors.Is(err, computeunit.ErrNotPurchased):
			return believesNothing
		default:
			return believesUnknown
		}
	}
}

// bceBuyer uses BceClient with its own defaults, but for a time-out that lets the test end.
func bceBuyer(t *testing.T, url string) func(string) belief {
	patience := campaignPatience
	client, err := bce.NewBceClientWithExclusiveHTTPClient(&bce.BceClientConfiguration{
		Endpoint:                  url,
		Credentials:               &auth.BceCredentials{AccessKeyId: simulator.DefaultAccessKeyID, SecretAccessKey: simulator.DefaultSecretAccessKey},
		SignOption:                &auth.SignOptions{HeadersToSign: map[string]struct{}{"host": {}}, ExpireSeconds: auth.DEFAULT_EXPIRE_SECONDS},
		Retry:                     bce.DEFAULT_RETRY_POLICY,
		ConnectionTimeoutInMillis: int(patience / time.Millisecond),
		HTTPClientTimeout:         &patience,
	}, &auth.BceV1Signer{})
	require.NoError(t, err)
	return func(serviceID string) belief { return buyWithBce(client, serviceID) }
}

// buyWithBce does as that SDK's own services do: send, parse, and look for nothing more.
func buyWithBce(client *bce.BceClient, serviceID string) belief {
	body, err := bce.NewBodyFromString(`{"serviceId":"` + serviceID + `","billing":{"paymentTiming":"Prepaid",` +
		`"reservation":{"reservationTimeUnit":"Month","reservationLength":1}},"replicasCount":1}`)
	if err != nil {
		return believesNothing
	}
	request := &bce.BceRequest{}
	request.SetMethod(bcehttp.POST)
	request.SetUri("/v2/serviceresources")
	request.SetParam("Action", "PurchaseComputeUnit")
	request.SetHeader(bcehttp.CONTENT_TYPE, bce.DEFAULT_CONTENT_TYPE)
	request.SetBody(body)
	response := &bce.BceResponse{}
	if err := client.SendRequest(request, response); err != nil || response.IsFail() {
		return believesFailure
	}
	var bought computeunit.PurchaseComputeUnitResponse
	if err := response.ParseJsonBody(&bought); err != nil {
		return believesFailure
	}
	return believesBought
}
