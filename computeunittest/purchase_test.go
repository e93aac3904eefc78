package computeunittest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// reserving is a prepaid purchase with more in its reservation.
func reserving(more string) string { return strings.Replace(prepaid, `"reservationLength":5`, more, 1) }

func TestAPurchaseByTheDocumentedRulesIsAnOrder(t *testing.T) {
	server := newServer(t)
	for _, body := range []string{
		prepaid,
		postpaid,
		reserving(`"reservationLength":1,"autoRenewTime":1`),
		reserving(`"reservationLength":12,"autoRenew":true,"autoRenewTimeUnit":"Month","autoRenewTime":6`),
		strings.Replace(postpaid, `"}`, `","releaseTime":"2030-01-25T12:30:30+08:00"}`, 1),
		strings.Replace(postpaid, `"}`, `","releaseTime":"2030-01-25 12:30:30","reservation":null,"more":1}`, 1),
	} {
		assert.Zero(t, call(t, server, buying, body), body)
	}
	assert.Len(t, server.Orders(), 6)
}

func TestAPurchaseAgainstARuleIsRefused(t *testing.T) {
	server := newServer(t)
	for body, message := range map[string]string{
		`null`: "serviceId is required",
		strings.Replace(postpaid, "svco-1", " ", 1):                                                 "serviceId is required",
		strings.Replace(postpaid, `:2`, `:0`, 1):                                                    "simulator: replicasCount is less than 1",
		strings.Replace(postpaid, `:2`, `:"2"`, 1):                                                  "json: ",
		strings.Replace(postpaid, "Postpaid", "Later", 1):                                           "billing.paymentTiming is neither Prepaid nor Postpaid",
		strings.Replace(postpaid, `"}`, `","reservation":{}}`, 1):                                   "billing.reservation is not for Postpaid",
		strings.Replace(postpaid, `"}`, `","releaseTime":"tomorrow"}`, 1):                           "billing.releaseTime is of neither documented form",
		strings.Replace(postpaid, "Postpaid", "Prepaid", 1):                                         "billing.reservation is required",
		reserving(`"reservationLength":0`):                                                          "billing.reservation.reservationLength is not from 1 to 12",
		reserving(`"reservationLength":13`):                                                         "billing.reservation.reservationLength is not from 1 to 12",
		reserving(`"reservationLength":1,"autoRenewTime":0`):                                        "billing.reservation.autoRenewTime is not from 1 to 6",
		reserving(`"reservationLength":1,"autoRenewTime":7`):                                        "billing.reservation.autoRenewTime is not from 1 to 6",
		reserving(`"reservationLength":1,"autoRenewTimeUnit":"Year"`):                               "a time unit of billing.reservation is not Month",
		strings.Replace(prepaid, "Month", "Day", 1):                                                 "a time unit of billing.reservation is not Month",
		strings.Replace(prepaid, `"Prepaid",`, `"Prepaid","releaseTime":"2030-01-25 12:30:30",`, 1): "simulator: billing.releaseTime is not for Prepaid",
	} {
		refusal := call(t, server, buying, body)
		assert.Equal(t, "InappropriateJSON", refusal.Code, body)
		assert.Contains(t, refusal.Message, message, body)
	}
	assert.Empty(t, server.Orders())
}
