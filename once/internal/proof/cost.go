package proof

import (
	"net/http/httptest"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/proof/model"
	"github.com/qianfan-go/computeunit/once"
)

// measured is how many purchases are measured, in turn with those that they are compared with.
const measured = 1000

// Shop buys once for new keys, each for a new service, in a service in this process.
type Shop struct {
	client *computeunit.Client
	buyer  *once.Buyer
	bought int
}

// NewShop has a journal in which nothing is open.
func NewShop(t *testing.T, journal once.Journal) *Shop {
	server := httptest.NewServer(&model.Service{})
	t.Cleanup(server.Close)
	client, err := computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"), computeunit.WithEndpoint(server.URL))
	require.NoError(t, err)
	buyer, err := once.New(client, journal)
	require.NoError(t, err)
	s := &Shop{client: client, buyer: buyer}
	for range 10 { // connections are there, and the endpoint is known
		s.buy(t)
	}
	return s
}

func (s *Shop) request() computeunit.PurchaseComputeUnitRequest {
	s.bought++
	return model.Prepaid("svco-" + strconv.Itoa(s.bought))
}

// buy returns how long a Buy took.
func (s *Shop) buy(t *testing.T) time.Duration {
	request := s.request()
	began := time.Now()
	_, err := s.buyer.Buy(t.Context(), "bought-"+request.ServiceID, request)
	took := time.Since(began)
	require.NoError(t, err)
	return took
}

// Row is what a statement by hand has to write.
type Row struct{ Key, Service, Instance string }

// byHand is what a Buy does if nothing goes wrong, written down in a row: do reads it, and writes claim, send and record.
func (s *Shop) byHand(t *testing.T, do func(what string, r Row)) time.Duration {
	request := s.request()
	row := Row{Key: "by-hand-" + request.ServiceID, Service: request.ServiceID}
	began := time.Now()
	do("read", row)
	do("claim", row)
	_, err := s.client.DescribeComputeUnits(t.Context(), computeunit.DescribeComputeUnitsRequest{ServiceID: request.ServiceID})
	require.NoError(t, err)
	do("send", row)
	bought, err := s.client.PurchaseComputeUnit(t.Context(), request)
	require.NoError(t, err)
	row.Instance = bought.Result.InstanceID
	do("record", row)
	return time.Since(began)
}

// BesideByHand logs how many times as long Buy takes as the same requests and statements by hand.
func (s *Shop) BesideByHand(t *testing.T, name string, do func(what string, r Row)) {
	var once, hand []time.Duration
	for range measured {
		once, hand = append(once, s.buy(t)), append(hand, s.byHand(t, do))
	}
	t.Logf("%s: Buy takes %.2f times as long as the same by hand (medians of %d, in turn)", name, ratio(once, hand), measured)
}

// BesideFew logs how many times as long Buy and Settle take in this shop as in one whose journal has a thousandth of the
// settled rows, and fails if a purchase feels them.
func (s *Shop) BesideFew(t *testing.T, name string, few *Shop) {
	var withFew, withMany []time.Duration
	for range measured {
		withFew, withMany = append(withFew, few.buy(t)), append(withMany, s.buy(t))
	}
	buy, settle := ratio(withMany, withFew), s.settle(t)/few.settle(t)
	t.Logf("%s: with a million settled rows beside a thousand Buy takes %.2f times as long (medians of %d, in turn), "+
		"Settle with nothing open %.2f", name, buy, measured, settle)
	assert.LessOrEqual(t, buy, 1.2)
	assert.Less(t, settle, 10.0, "what is open is found by an index")
}

// settle is the time of a Settle with nothing open, in seconds: the shortest of several.
func (s *Shop) settle(t *testing.T) float64 {
	shortest := time.Hour
	for range 20 {
		began := time.Now()
		open, err := s.buyer.Settle(t.Context())
		shortest = min(shortest, time.Since(began))
		require.NoError(t, err)
		require.Empty(t, open)
	}
	return shortest.Seconds()
}

// ratio of the medians.
func ratio(a, b []time.Duration) float64 {
	slices.Sort(a)
	slices.Sort(b)
	return float64(a[len(a)/2]) / float64(b[len(b)/2])
}
