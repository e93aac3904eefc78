package computeunit_test

import (
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/qianfan-go/computeunit"
)

func withBilling(billing computeunit.Billing) computeunit.PurchaseComputeUnitRequest {
	return computeunit.PurchaseComputeUnitRequest{ServiceID: testService, Billing: billing, ReplicasCount: 5}
}

func withServiceID(id string) computeunit.PurchaseComputeUnitRequest {
	request := documentedRequest()
	request.ServiceID = id
	return request
}

func withReplicas(count int) computeunit.PurchaseComputeUnitRequest {
	request := documentedRequest()
	request.ReplicasCount = count
	return request
}

// reserved is prepaid with this reservation.
func reserved(reservation computeunit.Reservation) computeunit.PurchaseComputeUnitRequest {
	return withBilling(computeunit.Billing{PaymentTiming: computeunit.PaymentTimingPrepaid, Reservation: reservation})
}

func TestValidateAcceptsWhatIsDocumented(t *testing.T) {
	requests := []computeunit.PurchaseComputeUnitRequest{
		documentedRequest(), withReplicas(1), withReplicas(math.MaxInt), withBilling(computeunit.Prepaid(1)),
		withBilling(computeunit.Prepaid(12)), withBilling(computeunit.Prepaid(5).WithAutoRenew(0)),
		withBilling(computeunit.Prepaid(5).WithAutoRenew(1)), withBilling(computeunit.Prepaid(5).WithAutoRenew(6)),
		reserved(computeunit.Reservation{ReservationTimeUnit: "Month", ReservationLength: 5, AutoRenew: true, AutoRenewTime: 1}),
		withBilling(computeunit.Postpaid()),
		// The last second that RFC 3339 can write is a common way to say "never". No latest release time is documented.
		withBilling(computeunit.PostpaidUntil(time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC))),
	}
	for _, id := range []string{ // no format is documented
		"x", "0", "a b", " padded ", "服务", "🙂", "a/b?c#d", `"`, "a\u2028b", "null", strings.Repeat("x", 1<<16),
	} {
		requests = append(requests, withServiceID(id))
	}
	for _, request := range requests {
		assert.NoError(t, request.Validate())
	}
}

func TestValidateNamesPathRuleAndValueOfEveryBrokenRule(t *testing.T) {
	const (
		blank, timing, required     = "serviceId must not be blank, and be valid UTF-8", "billing.paymentTiming must be Prepaid or Postpaid", "billing.reservation is required when paymentTiming is Prepaid"
		unit, length                = "billing.reservation.reservationTimeUnit must be Month", "billing.reservation.reservationLength must be 1 to 12"
		renewUnit, renewTime        = "billing.reservation.autoRenewTimeUnit ", "billing.reservation.autoRenewTime "
		needsRenew, release, future = "must not be given unless autoRenew is true", "billing.releaseTime must not be given when paymentTiming is Prepaid", "billing.releaseTime must be in the future, in a year of four digits"
	)
	at2999, at10000 := time.Date(2999, 1, 25, 12, 30, 30, 0, time.UTC), time.Date(10000, 6, 1, 0, 0, 0, 0, time.UTC)
	prepaidUntil := computeunit.Prepaid(5)
	prepaidUntil.ReleaseTime = at2999
	everything := reserved(computeunit.Reservation{ReservationTimeUnit: "Day", ReservationLength: 13, AutoRenewTimeUnit: "Month", AutoRenewTime: 1})
	everything.ServiceID, everything.ReplicasCount, everything.Billing.ReleaseTime = "", -3, time.Unix(0, 0).UTC()
	mistimed := computeunit.Prepaid(13)
	mistimed.PaymentTiming, mistimed.ReleaseTime = "prepaid", time.Unix(0, 0).UTC()
	for want, request := range map[string]computeunit.PurchaseComputeUnitRequest{
		blank + ` (found "")`:                                           withServiceID(""),
		blank + ` (found "\t\r\n")`:                                     withServiceID("\t\r\n"),
		blank + ` (found "\u3000 ")`:                                    withServiceID("\u3000 "),
		blank + ` (found "svco-\xff")`:                                  withServiceID("svco-\xff"),
		`replicasCount must be at least 1 (found 0)`:                    withReplicas(0),
		`replicasCount must be at least 1 (found -9223372036854775808)`: withReplicas(math.MinInt),
		timing + ` (found "")`:                                          withBilling(computeunit.Billing{}),
		timing + ` (found "postpaid")`:                                  withBilling(computeunit.Billing{PaymentTiming: "postpaid"}),
		required + ` (found "")`:                                        reserved(computeunit.Reservation{}),
		unit + ` (found "")`:                                            reserved(computeunit.Reservation{ReservationLength: 5}),
		unit + ` (found "month")`:                                       reserved(computeunit.Reservation{ReservationTimeUnit: "month", ReservationLength: 5}),
		length + ` (found 0)`:                                           withBilling(computeunit.Prepaid(0)),
		length + ` (found 13)`:                                          withBilling(computeunit.Prepaid(13)),
		renewTime + `must be 1 to 6, or 0 for not given (found -1)`:     withBilling(computeunit.Prepaid(5).WithAutoRenew(-1)),
		renewTime + `must be 1 to 6, or 0 for not given (found 7)`:      withBilling(computeunit.Prepaid(5).WithAutoRenew(7)),
		renewUnit + `must be Month, or not given (found "Year")`:        reserved(computeunit.Reservation{ReservationTimeUnit: "Month", ReservationLength: 5, AutoRenew: true, AutoRenewTimeUnit: "Year"}),
		renewTime + needsRenew + ` (found 1)`:                           reserved(computeunit.Reservation{ReservationTimeUnit: "Month", ReservationLength: 5, AutoRenewTime: 1}),
		renewUnit + needsRenew + ` (found "Month")`:                     reserved(computeunit.Reservation{ReservationTimeUnit: "Month", ReservationLength: 5, AutoRenewTimeUnit: "Month"}),
		`billing.reservation must not be given when paymentTiming is Postpaid (found computeunit.Reservation{ReservationTimeUnit:"", ReservationLength:0, AutoRenew:true, AutoRenewTimeUnit:"Month", AutoRenewTime:1})`: withBilling(computeunit.Postpaid().WithAutoRenew(1)),
		release + ` (found time.Date(2999, time.January, 25, 12, 30, 30, 0, time.UTC))`: withBilling(prepaidUntil),
		future + ` (found "10000-06-01T00:00:00Z")`:                                     withBilling(computeunit.PostpaidUntil(at10000)),
		// All violations are listed at once. What is given is looked into even if the payment timing is wrong.
		blank + ` (found ""); replicasCount must be at least 1 (found 0); ` + timing + ` (found "")`: {},
		blank + ` (found ""); replicasCount must be at least 1 (found -3); ` + unit + ` (found "Day"); ` + length + ` (found 13); ` + renewUnit + needsRenew + ` (found "Month"); ` + renewTime + needsRenew + ` (found 1); ` + release + ` (found time.Date(1970, time.January, 1, 0, 0, 0, 0, time.UTC))`: everything,
		timing + ` (found "prepaid"); ` + length + ` (found 13); ` + future + ` (found "1970-01-01T00:00:00Z")`: withBilling(mistimed),
	} {
		t.Run(want, func(t *testing.T) {
			err := request.Validate()
			assert.EqualError(t, err, "invalid request: "+want)
			assertOneLine(t, err)
		})
	}
}

func TestValidateWantsAReleaseTimeInTheFutureWhateverItsZone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // time stands still, at a whole second
		for _, hours := range []int{-12, 0, 14} {
			now := time.Now().In(time.FixedZone("", hours*3600))
			for ahead, valid := range map[time.Duration]bool{
				-365 * 24 * time.Hour: false, -1: false, 0: false, 999_999_999: false, time.Second: true, // whole seconds are sent
			} {
				err := withBilling(computeunit.PostpaidUntil(now.Add(ahead))).Validate()
				if valid {
					assert.NoError(t, err)
				} else {
					assert.ErrorContains(t, err, "invalid request: billing.releaseTime must be in the future", "%s ahead", ahead)
				}
			}
		}
	})
}
