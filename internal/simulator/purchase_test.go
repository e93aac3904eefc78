package simulator

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPurchaseAcceptsBody(t *testing.T) {
	tests := map[string]string{
		"documented example":   exampleBody,
		"postpaid":             postpaidBody,
		"release RFC 3339":     postpaidWith(`"releaseTime":"2030-01-25T12:30:30+08:00"`),
		"release standard":     postpaidWith(`"releaseTime":"2030-01-25 12:30:30"`),
		"reservation null":     postpaidWith(`"reservation":null`),
		"one month":            prepaidBody(`{"reservationTimeUnit":"Month","reservationLength":1}`),
		"twelve months":        prepaidBody(`{"reservationTimeUnit":"Month","reservationLength":12}`),
		"renew":                prepaidBody(`{"reservationTimeUnit":"Month","reservationLength":1,"autoRenew":true}`),
		"renew 1":              prepaidBody(`{"reservationTimeUnit":"Month","reservationLength":1,"autoRenew":true,"autoRenewTime":1}`),
		"renew 6 of unit":      prepaidBody(`{"reservationTimeUnit":"Month","reservationLength":1,"autoRenew":true,"autoRenewTime":6,"autoRenewTimeUnit":"Month"}`),
		"renew time not renew": prepaidBody(`{"reservationTimeUnit":"Month","reservationLength":1,"autoRenewTime":2}`),
	}
	for name, body := range tests {
		t.Run(name, func(t *testing.T) {
			s := New(withClock(Config{}))
			got := buy(s, body)
			require.Equal(t, http.StatusOK, got.Status, got.Body)
			assert.Len(t, s.Orders(), 1)
		})
	}
}

func TestPurchaseRefusesBody(t *testing.T) {
	const right = `"serviceId":"s","replicasCount":1`
	tests := map[string]struct{ body, code, message string }{
		"nothing":        {`{}`, codeInappropriateJSON, "serviceId is required"},
		"service blank":  {`{"serviceId":" ","replicasCount":1}`, codeInappropriateJSON, "simulator: serviceId is blank"},
		"no replicas":    {`{"serviceId":"s"}`, codeInappropriateJSON, "replicasCount is required"},
		"replicas 0":     {`{"serviceId":"s","replicasCount":0}`, codeInappropriateJSON, "simulator: replicasCount is less than 1"},
		"no billing":     {`{` + right + `}`, codeInappropriateJSON, "billing is required"},
		"no timing":      {`{` + right + `,"billing":{}}`, codeInappropriateJSON, `billing.paymentTiming is not one of ["Prepaid" "Postpaid"]`},
		"timing case":    {`{` + right + `,"billing":{"paymentTiming":"prepaid"}}`, codeInappropriateJSON, `billing.paymentTiming is not one of ["Prepaid" "Postpaid"]`},
		"no reservation": {`{` + right + `,"billing":{"paymentTiming":"Prepaid"}}`, codeInappropriateJSON, "billing.reservation is required"},
		"prepaid release": {`{` + right + `,"billing":{"paymentTiming":"Prepaid","releaseTime":"2030-01-25 12:30:30"}}`,
			codeInappropriateJSON, "simulator: billing.releaseTime is not for Prepaid"},
		"postpaid reservation": {postpaidWith(`"reservation":{}`), codeInappropriateJSON, "billing.reservation is not for Postpaid"},
		"release form":         {postpaidWith(`"releaseTime":"tomorrow"`), codeInappropriateJSON, "billing.releaseTime is of neither documented form"},
		"no unit":              {prepaidBody(`{"reservationLength":1}`), codeInappropriateJSON, `billing.reservation.reservationTimeUnit is not one of ["Month"]`},
		"unit year":            {prepaidBody(`{"reservationTimeUnit":"Year","reservationLength":1}`), codeInappropriateJSON, `billing.reservation.reservationTimeUnit is not one of ["Month"]`},
		"length 0":             {prepaidBody(`{"reservationTimeUnit":"Month","reservationLength":0}`), codeInappropriateJSON, "billing.reservation.reservationLength is not from 1 to 12"},
		"length 13":            {prepaidBody(`{"reservationTimeUnit":"Month","reservationLength":13}`), codeInappropriateJSON, "billing.reservation.reservationLength is not from 1 to 12"},
		"renew unit":           {prepaidBody(`{"reservationTimeUnit":"Month","reservationLength":1,"autoRenewTimeUnit":"Year"}`), codeInappropriateJSON, `billing.reservation.autoRenewTimeUnit is not one of ["Month"]`},
		"renew 0":              {prepaidBody(`{"reservationTimeUnit":"Month","reservationLength":1,"autoRenewTime":0}`), codeInappropriateJSON, "billing.reservation.autoRenewTime is not from 1 to 6"},
		"renew 7":              {prepaidBody(`{"reservationTimeUnit":"Month","reservationLength":1,"autoRenewTime":7}`), codeInappropriateJSON, "billing.reservation.autoRenewTime is not from 1 to 6"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { assertRefused(t, test.body, test.code, test.message) })
	}
}

func TestOrderKeepsWhatWasAskedFor(t *testing.T) {
	s := New(withClock(Config{}))
	buy(s, prepaidBody(`{"reservationTimeUnit":"Month","reservationLength":3,"autoRenew":true}`))
	buy(s, postpaidWith(`"releaseTime":"2030-01-25 12:30:30"`))
	orders := s.Orders()
	require.Len(t, orders, 2)
	assert.Equal(t, 3, orders[0].Months)
	assert.True(t, orders[0].AutoRenew)
	assert.Equal(t, 3*PricePerReplicaMonth, orders[0].Price)
	assert.Equal(t, "2030-01-25 12:30:30", orders[1].ReleaseTime)
	assert.Zero(t, orders[1].Months)
	assert.Zero(t, orders[1].Price)
}

func TestAnOrderKeepsTheClientsRequestID(t *testing.T) {
	s := New(withClock(Config{}))
	r := defaultCaller().request(purchasePath, postpaidBody)
	r.Header.Set("x-bce-request-id", "of-the-client")
	got := serve(s, r)
	assert.Equal(t, "of-the-client", s.Orders()[0].ClientRequestID)
	assert.Equal(t, got.RequestID, s.Orders()[0].RequestID)
	assert.NotEqual(t, "of-the-client", got.RequestID)
}

func TestFaultIsAskedWithThePurchase(t *testing.T) {
	var asked []Purchase
	s := New(withClock(Config{Fault: func(p Purchase) Fault {
		asked = append(asked, p)
		return Fault{Kind: ErrorAnswer, Status: 429, Attempts: 2}
	}}))
	buy(s, `{}`) // not valid: not asked
	statuses := []int{}
	for range 3 {
		statuses = append(statuses, buy(s, postpaidBody).Status)
	}
	statuses = append(statuses, buy(s, exampleBody).Status)
	assert.Equal(t, []int{429, 429, 200, 429}, statuses)
	assert.Equal(t, []Purchase{
		{"svco-1", 2, Postpaid, 1}, {"svco-1", 2, Postpaid, 2}, {"svco-1", 2, Postpaid, 3},
		{"svco-48esssdpa594", 5, Prepaid, 1},
	}, asked)
	assert.Len(t, s.Orders(), 1)
}

func TestOrderThatCannotBePlacedIsRefused(t *testing.T) {
	s := New(withClock(Config{Stock: -1}))
	s.Inject(Fault{Kind: Reset, When: AfterOrder})
	assert.Equal(t, CodeOutOfStock, buy(s, postpaidBody).Code)
}
