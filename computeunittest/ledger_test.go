package computeunittest_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/qianfan-go/computeunit/computeunittest"
)

func TestTheLedgerIsWhatWasBoughtAndReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, now := newServer(t), time.Now()
		call(t, server, buying, reserving(`"reservationLength":5,"autoRenew":true`))
		call(t, server, buying, strings.Replace(postpaid, `"}`, `","releaseTime":"2030-01-25 12:30:30"}`, 1))
		first, second := server.Orders()[0], server.Orders()[1]
		release(t, server, "svco-1", second.InstanceID)
		released := server.Releases()[0]

		ak := server.Credentials.AccessKeyID
		assert.Equal(t, []computeunittest.Order{{
			OrderID: first.OrderID, InstanceID: first.InstanceID, RequestID: first.RequestID, ClientRequestID: first.ClientRequestID,
			AccessKeyID: ak, ServiceID: "svco-1", PaymentTiming: "Prepaid", ReplicasCount: 5, Months: 5, AutoRenew: true,
			CreatedAt: now, Price: 25 * 100_00,
		}, {
			OrderID: second.OrderID, InstanceID: second.InstanceID, RequestID: second.RequestID, ClientRequestID: second.ClientRequestID,
			AccessKeyID: ak, ServiceID: "svco-1", PaymentTiming: "Postpaid", ReplicasCount: 2, ReleaseTime: "2030-01-25 12:30:30",
			CreatedAt: now,
		}}, server.Orders())
		assert.Equal(t, []computeunittest.Release{{
			ServiceID: "svco-1", InstanceID: second.InstanceID, RequestID: released.RequestID, ClientRequestID: released.ClientRequestID,
			AccessKeyID: ak, ReleasedAt: now,
		}}, server.Releases())
		ids := []string{first.OrderID, first.InstanceID, first.RequestID, second.OrderID, second.InstanceID, second.RequestID, released.RequestID,
			first.ClientRequestID, second.ClientRequestID, released.ClientRequestID, ""}
		slices.Sort(ids)
		assert.Len(t, slices.Compact(ids), 11, "each is its own")
	})
}

func TestWhatIsSoldOrSpentIsGone(t *testing.T) {
	const price = 25 * 100_00 // of five replicas for five months
	for name, test := range map[string]struct {
		option computeunittest.Option
		orders int
		code   string
	}{
		"too little stock for a third":   {computeunittest.WithStock(14), 2, "SimulatorOutOfStock"},
		"stock for one":                  {computeunittest.WithStock(5), 1, "SimulatorOutOfStock"},
		"less than no stock":             {computeunittest.WithStock(-5), 0, "SimulatorOutOfStock"},
		"too little balance for a third": {computeunittest.WithBalance(3*price - 1), 2, "SimulatorOutOfBalance"},
		"balance for one":                {computeunittest.WithBalance(price), 1, "SimulatorOutOfBalance"},
		"a debt":                         {computeunittest.WithBalance(-5), 0, "SimulatorOutOfBalance"},
	} {
		server := newServer(t, test.option)
		for range test.orders { // the same order twice is bought twice
			assert.Zero(t, call(t, server, buying, prepaid), name)
		}
		assert.Equal(t, test.code, call(t, server, buying, prepaid).Code, name)
		assert.Len(t, server.Orders(), test.orders, name)
	}
}

func TestAPriceThatIsNoInt64IsTooHigh(t *testing.T) {
	server := newServer(t, computeunittest.WithStock(math.MaxInt))
	all := fmt.Sprintf(`"replicasCount":%d`, math.MaxInt)
	assert.Equal(t, "SimulatorOutOfBalance", call(t, server, buying, strings.Replace(prepaid, `"replicasCount":5`, all, 1)).Code)
}

func TestTheLedgerIsRightWithManyCallers(t *testing.T) {
	server := newServer(t, computeunittest.WithStock(50))
	var callers sync.WaitGroup
	for range 10 {
		callers.Go(func() {
			for range 5 {
				call(t, server, buying, postpaid)
			}
			for _, order := range server.Orders() {
				release(t, server, "svco-1", order.InstanceID)
			}
		})
	}
	callers.Wait()
	released := map[string]bool{}
	for _, one := range server.Releases() {
		released[one.InstanceID] = true
	}
	assert.Len(t, server.Orders(), 25)
	assert.Len(t, server.Releases(), 25)
	assert.Len(t, released, 25)
}
