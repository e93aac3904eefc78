package simulator_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/qianfan-go/computeunit/internal/simulator"
)

func TestAPurchaseByTheDocumentedRulesIsAnOrder(t *testing.T) {
	for body, want := range map[string]simulator.Order{
		example:  {PaymentTiming: "Prepaid", ReplicasCount: 5, Months: 5, Price: 5 * 5 * 100_00},
		postpaid: {PaymentTiming: "Postpaid", ReplicasCount: 2},
		prepaid(`"reservationLength":12,"autoRenew":true,"autoRenewTimeUnit":"Month","autoRenewTime":6`): {
			PaymentTiming: "Prepaid", ReplicasCount: 1, Months: 12, AutoRenew: true, Price: 12 * 100_00},
		strings.Replace(postpaid, `"}`, `","releaseTime":"2030-01-25T12:30:30+08:00"}`, 1): {
			PaymentTiming: "Postpaid", ReplicasCount: 2, ReleaseTime: "2030-01-25T12:30:30+08:00"},
		strings.Replace(postpaid, `"}`, `","releaseTime":"2030-01-25 12:30:30","reservation":null,"more":1}`, 1): {
			PaymentTiming: "Postpaid", ReplicasCount: 2, ReleaseTime: "2030-01-25 12:30:30"},
	} {
		now, config := clock()
		s := serve(t, config)
		got := s.call(buying, body)
		assert.Equal(t, 200, got.status, got.body)
		want.ServiceID, want.AccessKeyID, want.ClientRequestID = "svco-1", keys.AccessKeyID, "of-the-client"
		want.CreatedAt = *now
		order := s.Orders()[0]
		order.OrderID, order.InstanceID, order.RequestID = "", "", ""
		assert.Equal(t, want, order)
	}
}

func prepaid(reservation string) string {
	return `{"serviceId":"svco-1","replicasCount":1,"billing":{"paymentTiming":"Prepaid","reservation":{"reservationTimeUnit":"Month",` +
		reservation + `}}}`
}

func TestAPurchaseAgainstARuleIsRefused(t *testing.T) {
	s := serve(t, simulator.Config{})
	for body, message := range map[string]string{
		`null`: "serviceId is required",
		strings.Replace(postpaid, "svco-1", " ", 1):                                                 "serviceId is required",
		strings.Replace(postpaid, `:2`, `:0`, 1):                                                    "simulator: replicasCount is less than 1",
		strings.Replace(postpaid, `:2`, `:"2"`, 1):                                                  "",
		strings.Replace(postpaid, "Postpaid", "Later", 1):                                           "billing.paymentTiming is neither Prepaid nor Postpaid",
		strings.Replace(postpaid, `"}`, `","reservation":{}}`, 1):                                   "billing.reservation is not for Postpaid",
		strings.Replace(postpaid, `"}`, `","releaseTime":"tomorrow"}`, 1):                           "billing.releaseTime is of neither documented form",
		strings.Replace(postpaid, "Postpaid", "Prepaid", 1):                                         "billing.reservation is required",
		prepaid(`"reservationLength":0`):                                                            "billing.reservation.reservationLength is not from 1 to 12",
		prepaid(`"reservationLength":13`):                                                           "billing.reservation.reservationLength is not from 1 to 12",
		prepaid(`"reservationLength":1,"autoRenewTime":0`):                                          "billing.reservation.autoRenewTime is not from 1 to 6",
		prepaid(`"reservationLength":1,"autoRenewTime":7`):                                          "billing.reservation.autoRenewTime is not from 1 to 6",
		prepaid(`"reservationLength":1,"autoRenewTimeUnit":"Year"`):                                 "a time unit of billing.reservation is not Month",
		strings.Replace(example, "Month", "Day", 1):                                                 "a time unit of billing.reservation is not Month",
		strings.Replace(example, `"Prepaid",`, `"Prepaid","releaseTime":"2030-01-25 12:30:30",`, 1): "simulator: billing.releaseTime is not for Prepaid",
	} {
		got := s.call(buying, body)
		assert.Equal(t, 400, got.status, body)
		assert.Equal(t, "InappropriateJSON", got.Code, body)
		assert.Contains(t, got.body, message, body)
	}
	assert.Empty(t, s.Orders())
}
