package computeunittest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/computeunittest"
)

func TestEachActionHasAQueueOfItsOwn(t *testing.T) {
	server := newServer(t)
	failed := computeunittest.Answer(500, "")
	server.NextPurchases(failed)
	server.NextListings(computeunittest.Fault{}, failed)
	server.NextReleases(failed)
	for _, test := range []struct {
		action, body string
		status       int // 0: served
	}{
		{buying, `{}`, 400}, // what is not valid takes no fault
		{listing, `{}`, 400},
		{releasing, `{}`, 400},
		{buying, postpaid, 500},
		{buying, postpaid, 0},
		{listing, postpaid, 0},
		{listing, postpaid, 500},
		{releasing, `{"serviceId":"svco-1","instanceId":"i-1"}`, 500},
		{releasing, `{"serviceId":"svco-1","instanceId":"i-1"}`, 400},
	} {
		assert.Equal(t, test.status, call(t, server, test.action, test.body).StatusCode, test.action)
	}
	assert.Len(t, server.Orders(), 1)
}

func TestAnOptionIsAskedForTheFaultWithTheRequest(t *testing.T) {
	var purchases []computeunittest.Purchase
	var listings []computeunittest.Listing
	var server *computeunittest.Server
	server = newServer(t,
		computeunittest.WithPurchaseFaults(func(p computeunittest.Purchase) computeunittest.Fault {
			purchases = append(purchases, p)
			server.NextListings() // as it likes
			return computeunittest.OutOfStock()
		}),
		computeunittest.WithListingFaults(func(l computeunittest.Listing) computeunittest.Fault {
			listings = append(listings, l)
			return computeunittest.Denied().AfterOrder() // a listing makes no order
		}))
	client := server.Client()
	server.NextPurchases(computeunittest.Fault{})
	assert.Equal(t, []string{"bought", "not purchased"}, []string{buy(client), buy(client)}, "the queue comes first")
	for _, id := range []string{"svco-1", fiveMonths.ServiceID} {
		_, err := client.DescribeComputeUnits(t.Context(), computeunit.DescribeComputeUnitsRequest{ServiceID: id, PaymentTiming: "Postpaid"})
		assert.ErrorIs(t, err, computeunit.ErrAccessDenied)
	}
	assert.Equal(t, []computeunittest.Purchase{{ServiceID: fiveMonths.ServiceID, PaymentTiming: "Prepaid", ReplicasCount: 5, Attempt: 2}}, purchases)
	assert.Equal(t, []computeunittest.Listing{
		{ServiceID: "svco-1", PaymentTiming: "Postpaid", Attempt: 1}, {ServiceID: fiveMonths.ServiceID, PaymentTiming: "Postpaid", Attempt: 1},
	}, listings)
}
