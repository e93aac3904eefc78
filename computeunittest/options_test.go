package computeunittest_test

import (
	"context"
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
		"stock for it":        {computeunittest.WithStock(5), ""},
		"too little stock":    {computeunittest.WithStock(4), "SimulatorOutOfStock"},
		"no stock":            {computeunittest.WithStock(0), "SimulatorOutOfStock"},
		"balance for it":      {computeunittest.WithBalance(25 * 100_00), ""},
		"too little balance":  {computeunittest.WithBalance(25*100_00 - 1), "SimulatorOutOfBalance"},
		"no balance":          {computeunittest.WithBalance(0), "SimulatorOutOfBalance"},
		"less than no stock":  {computeunittest.WithStock(-5), "SimulatorOutOfStock"},
		"a debt in the purse": {computeunittest.WithBalance(-5), "SimulatorOutOfBalance"},
	} {
		t.Run(name, func(t *testing.T) {
			server := newServer(t, test.option)
			_, err := server.Client().PurchaseComputeUnit(t.Context(), fiveMonths)
			if test.code == "" {
				assert.NoError(t, err)
				return
			}
			assert.ErrorIs(t, err, computeunit.ErrNotPurchased)
			var refusal *computeunit.APIError
			require.ErrorAs(t, err, &refusal)
			assert.Equal(t, test.code, refusal.Code)
			assert.Empty(t, server.Orders())
		})
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
	for _, test := range []struct {
		ak, sk string
		want   error
	}{{"ak-2", "sk-2", nil}, {"ak-2", "sk-1", computeunit.ErrInvalidCredentials}, {"ak-3", "sk-3", computeunit.ErrInvalidCredentials}} {
		client, err := computeunit.NewClient(computeunit.StaticCredentials(test.ak, test.sk), computeunit.WithEndpoint(server.URL))
		require.NoError(t, err)
		_, err = client.PurchaseComputeUnit(t.Context(), fiveMonths)
		assert.ErrorIs(t, err, test.want)
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
	for _, want := range []string{"", "Creating", "Running"} {
		listing, err := client.DescribeComputeUnits(t.Context(), computeunit.DescribeComputeUnitsRequest{ServiceID: fiveMonths.ServiceID})
		require.NoError(t, err)
		status := ""
		for _, instance := range listing.Result.Instances {
			status = string(instance.Status)
		}
		assert.Equal(t, want, status)
		passed.Add(int64(time.Hour))
	}
}

func TestAddrIsLoopbackOnly(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "localhost:0", "127.0.0.1", "nonsense", ""} {
		assert.Panics(t, func() { computeunittest.NewServer(computeunittest.WithAddr(addr)) }, addr)
	}
	server := newServer(t, computeunittest.WithAddr("127.0.0.1:0"))
	assert.Equal(t, "bought", buy(server.Client()))
}

func TestFaultsAreAskedForWithTheRequest(t *testing.T) {
	purchases := make(chan computeunittest.Purchase, 10)
	listings := make(chan computeunittest.Listing, 10)
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
	assert.Equal(t, "not purchased", buy(client))
	server.NextPurchases(computeunittest.Fault{})
	assert.Equal(t, "bought", buy(client), "a queued fault comes first")
	assert.Equal(t, "not purchased", buy(client))
	assert.Equal(t, computeunittest.Purchase{ServiceID: fiveMonths.ServiceID, PaymentTiming: "Prepaid", ReplicasCount: 5, Attempt: 1}, <-purchases)
	assert.Equal(t, 3, (<-purchases).Attempt)

	_, err := client.DescribeComputeUnits(context.Background(),
		computeunit.DescribeComputeUnitsRequest{ServiceID: "svco-1", PaymentTiming: computeunit.PaymentTimingPostpaid})
	assert.ErrorIs(t, err, computeunit.ErrAccessDenied)
	assert.Equal(t, computeunittest.Listing{ServiceID: "svco-1", PaymentTiming: "Postpaid", Attempt: 1}, <-listings)
}
