package computeunit_test

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
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/simulator"
)

var peers = flag.Bool("peers", false, "run TestCampaignPeers: the same faults against bce-sdk-go's BceClient")

// peersEach is how often every fault is met: the retries of a client can be random.
const peersEach = 3

// buyer is a client under test. It says what its caller would believe.
type buyer func(serviceID string) belief

type belief string

const (
	believesBought  belief = "bought"
	believesNothing belief = "not purchased"
	believesFailure belief = "failed" // an error, and nothing in it to tell the two apart by
	believesUnknown belief = "unknown"
)

// TestCampaignPeers prints, for the same faults, what each client led its caller to believe and what the ledger says.
func TestCampaignPeers(t *testing.T) {
	if !*peers {
		t.Skip("only with -peers: it compares, it checks nothing of ours")
	}
	t.Logf("\n| client | purchases | ordered twice | bought, but no order | refused, but an order exists | failed, but an order exists | requests at another address |\n"+
		"|---|---|---|---|---|---|---|\n%s\n%s", meet(t, "computeunit", ourBuyer), meet(t, "bce-sdk-go BceClient", bceBuyer))
}

// meet buys through every fault of a fresh simulator.
func meet(t *testing.T, name string, newBuyer func(*testing.T, string) buyer) string {
	th := newTheater(t, 2*campaignPatience)
	buy := newBuyer(t, th.url)
	told := map[string]belief{}
	var mu sync.Mutex
	var callers sync.WaitGroup
	gate := make(chan struct{}, campaignCallers)
	for fault := range th.faults {
		for n := range peersEach {
			gate <- struct{}{}
			callers.Go(func() {
				id := fmt.Sprintf("svco-%d-%d", n, fault)
				believed := buy(id)
				mu.Lock()
				told[id] = believed
				mu.Unlock()
				<-gate
			})
		}
	}
	callers.Wait()
	return row(name, told, th)
}

func row(name string, told map[string]belief, th *theater) string {
	orders := map[string]int{}
	for _, order := range th.simulator.Orders() {
		orders[order.ServiceID]++
	}
	var twice, claimed, hidden, vague int
	for id, believed := range told {
		switch {
		case orders[id] > 1:
			twice++
		case orders[id] == 0 && believed == believesBought:
			claimed++
		case orders[id] == 1 && believed == believesNothing:
			hidden++
		case orders[id] == 1 && believed == believesFailure:
			vague++
		}
	}
	return fmt.Sprintf("| %s | %d | %d | %d | %d | %d | %d |", name, len(told), twice, claimed, hidden, vague, th.strayed.Load())
}

func ourBuyer(t *testing.T, url string) buyer {
	client := newClientTo(t, url, computeunit.WithTimeout(campaignPatience))
	return func(serviceID string) belief {
		_, err := client.PurchaseComputeUnit(t.Context(), computeunit.PurchaseComputeUnitRequest{
			ServiceID: serviceID, Billing: computeunit.Prepaid(1), ReplicasCount: 1,
		})
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
func bceBuyer(t *testing.T, url string) buyer {
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
	if err := client.SendRequest(request, response); err != nil {
		return believesFailure
	}
	if response.IsFail() {
		return believesFailure
	}
	var bought computeunit.PurchaseComputeUnitResponse
	if err := response.ParseJsonBody(&bought); err != nil {
		return believesFailure
	}
	return believesBought
}
