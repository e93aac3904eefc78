package computeunittest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/computeunittest"
)

func TestTheLedgerIsWhatWasBoughtAndReleased(t *testing.T) {
	server := newServer(t)
	client := server.Client()
	bought, err := client.PurchaseComputeUnit(t.Context(), fiveMonths)
	require.NoError(t, err)
	second, err := client.PurchaseComputeUnit(t.Context(), computeunit.PurchaseComputeUnitRequest{
		ServiceID: "svco-1", Billing: computeunit.PostpaidUntil(time.Date(2030, 1, 25, 12, 30, 30, 0, time.UTC)), ReplicasCount: 1,
	})
	require.NoError(t, err)
	require.NoError(t, client.ReleaseComputeUnit(t.Context(), computeunit.ReleaseComputeUnitRequest{
		ServiceID: "svco-1", InstanceID: second.Result.InstanceID,
	}))

	ak, orders, release := server.Credentials.AccessKeyID, server.Orders(), server.Releases()[0]
	for _, made := range []time.Time{orders[0].CreatedAt, orders[1].CreatedAt, release.ReleasedAt} {
		assert.WithinDuration(t, time.Now(), made, time.Minute)
	}
	sent := []string{orders[0].ClientRequestID, orders[1].ClientRequestID, release.ClientRequestID}
	assert.NotContains(t, sent, "")
	assert.Equal(t, []computeunittest.Order{{
		OrderID: bought.Result.OrderID, InstanceID: bought.Result.InstanceID, RequestID: bought.RequestID, ClientRequestID: sent[0],
		AccessKeyID: ak, ServiceID: fiveMonths.ServiceID, PaymentTiming: "Prepaid", ReplicasCount: 5, Months: 5,
		CreatedAt: orders[0].CreatedAt, Price: 25 * 100_00,
	}, {
		OrderID: second.Result.OrderID, InstanceID: second.Result.InstanceID, RequestID: second.RequestID, ClientRequestID: sent[1],
		AccessKeyID: ak, ServiceID: "svco-1", PaymentTiming: "Postpaid", ReplicasCount: 1, ReleaseTime: "2030-01-25T12:30:30Z",
		CreatedAt: orders[1].CreatedAt,
	}}, orders)
	assert.Equal(t, []computeunittest.Release{{
		ServiceID: "svco-1", InstanceID: second.Result.InstanceID, RequestID: release.RequestID, ClientRequestID: sent[2],
		AccessKeyID: ak, ReleasedAt: release.ReleasedAt,
	}}, server.Releases())
}
