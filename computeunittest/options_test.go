package computeunittest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/computeunittest"
)

func TestWhatIsSoldOrSpentIsGone(t *testing.T) {
	const price = 25 * 100_00 // of five replicas for five months
	for name, test := range map[string]struct {
		option computeunittest.Option
		orders int
		code   string
	}{
		"too little stock for a third":   {computeunittest.WithStock(14), 2, "SimulatorOutOfStock"},
		"stock for one":                  {computeunittest.WithStock(5), 1, "SimulatorOutOfStock"},
		"no stock":                       {computeunittest.WithStock(0), 0, "SimulatorOutOfStock"},
		"less than no stock":             {computeunittest.WithStock(-5), 0, "SimulatorOutOfStock"},
		"too little balance for a third": {computeunittest.WithBalance(3*price - 1), 2, "SimulatorOutOfBalance"},
		"balance for one":                {computeunittest.WithBalance(price), 1, "SimulatorOutOfBalance"},
		"no balance":                     {computeunittest.WithBalance(0), 0, "SimulatorOutOfBalance"},
		"a debt":                         {computeunittest.WithBalance(-5), 0, "SimulatorOutOfBalance"},
	} {
		server := newServer(t, test.option)
		client := server.Client()
		for range test.orders { // the same order twice is bought twice
			assert.Equal(t, "bought", buy(client), name)
		}
		_, err := client.PurchaseComputeUnit(t.Context(), fiveMonths)
		var refusal *computeunit.APIError
		require.ErrorAs(t, err, &refusal, name)
		assert.Equal(t, test.code, refusal.Code, name)
		assert.Len(t, server.Orders(), test.orders, name)
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

func TestAddrIsLoopbackOnlyAndFree(t *testing.T) {
	taken := strings.TrimPrefix(newServer(t).URL, "http://")
	for _, addr := range []string{taken, "0.0.0.0:0", ":0", "192.0.2.1:0", "localhost:0", "127.0.0.1", "nonsense", ""} {
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
