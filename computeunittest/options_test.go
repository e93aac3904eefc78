package computeunittest_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/computeunittest"
)

func TestStockAndBalance(t *testing.T) {
	for name, test := range map[string]struct {
		option computeunittest.Option
		code   string
	}{
		"stock for it":       {computeunittest.WithStock(5), ""},
		"too little stock":   {computeunittest.WithStock(4), "SimulatorOutOfStock"},
		"no stock":           {computeunittest.WithStock(0), "SimulatorOutOfStock"},
		"less than no stock": {computeunittest.WithStock(-5), "SimulatorOutOfStock"},
		"balance for it":     {computeunittest.WithBalance(25 * 100_00), ""},
		"too little balance": {computeunittest.WithBalance(25*100_00 - 1), "SimulatorOutOfBalance"},
		"no balance":         {computeunittest.WithBalance(0), "SimulatorOutOfBalance"},
		"a debt":             {computeunittest.WithBalance(-5), "SimulatorOutOfBalance"},
	} {
		server := newServer(t, test.option)
		_, err := server.Client().PurchaseComputeUnit(t.Context(), fiveMonths)
		var refusal *computeunit.APIError
		if test.code == "" {
			assert.NoError(t, err, name)
		} else if assert.ErrorAs(t, err, &refusal, name) {
			assert.Equal(t, test.code, refusal.Code, name)
			assert.Empty(t, server.Orders(), name)
		}
	}
}

func TestKeys(t *testing.T) {
	keys := []computeunit.Credentials{
		{AccessKeyID: "ak-1", SecretAccessKey: "sk-1", SessionToken: "token-1"},
		{AccessKeyID: "ak-2", SecretAccessKey: "sk-2"},
	}
	server := newServer(t, computeunittest.WithKeys(keys...))
	assert.Equal(t, keys[0], server.Credentials)
	assert.Equal(t, "bought", buy(server.Client()))
	for ak, want := range map[string]string{"ak-2": "bought", "ak-3": "not purchased"} {
		client, err := computeunit.NewClient(computeunit.StaticCredentials(ak, "sk-2"), computeunit.WithEndpoint(server.URL))
		require.NoError(t, err)
		assert.Equal(t, want, buy(client))
	}
	assert.Equal(t, []string{"ak-1", "ak-2"}, []string{server.Orders()[0].AccessKeyID, server.Orders()[1].AccessKeyID})
}

func TestTheClockDecidesWhenAnInstanceIsListedAndRuns(t *testing.T) {
	var passed atomic.Int64
	server := newServer(t,
		computeunittest.WithClock(func() time.Time { return time.Now().Add(time.Duration(passed.Load())) }),
		computeunittest.WithListingLag(time.Hour),
		computeunittest.WithStartDelay(2*time.Hour))
	client := server.Client()
	require.Equal(t, "bought", buy(client))
	assert.Empty(t, list(t, client))
	for _, want := range []computeunit.InstanceStatus{"Creating", "Running"} {
		passed.Add(int64(time.Hour))
		assert.Equal(t, want, list(t, client)[0].Status)
	}
}

func TestAddrIsLoopbackOnly(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "localhost:0", "127.0.0.1", "nonsense", ""} {
		assert.Panics(t, func() { computeunittest.NewServer(computeunittest.WithAddr(addr)) }, addr)
	}
	assert.Equal(t, "bought", buy(newServer(t, computeunittest.WithAddr("127.0.0.1:0")).Client()))
}

func TestFaultsAreAskedForWithTheRequest(t *testing.T) {
	purchases, listings := make(chan computeunittest.Purchase, 10), make(chan computeunittest.Listing, 10)
	server := newServer(t,
		computeunittest.WithPurchaseFaults(func(p computeunittest.Purchase) computeunittest.Fault {
			purchases <- p
			return computeunittest.OutOfStock()
		}),
		computeunittest.WithListingFaults(func(l computeunittest.Listing) computeunittest.Fault {
			listings <- l
			return computeunittest.Denied()
		}))
	client := server.Client()
	server.NextPurchases(computeunittest.Fault{})
	assert.Equal(t, "bought", buy(client), "a queued fault comes first")
	assert.Equal(t, "not purchased", buy(client))
	assert.Equal(t, computeunittest.Purchase{ServiceID: fiveMonths.ServiceID, PaymentTiming: "Prepaid", ReplicasCount: 5, Attempt: 2}, <-purchases)
	_, err := client.DescribeComputeUnits(t.Context(),
		computeunit.DescribeComputeUnitsRequest{ServiceID: "svco-1", PaymentTiming: computeunit.PaymentTimingPostpaid})
	assert.ErrorIs(t, err, computeunit.ErrAccessDenied)
	assert.Equal(t, computeunittest.Listing{ServiceID: "svco-1", PaymentTiming: "Postpaid", Attempt: 1}, <-listings)
}
