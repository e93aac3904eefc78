package computeunit_test

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
)

// violated returns what Validate finds, none for a nil error.
func violated(t *testing.T, request computeunit.PurchaseComputeUnitRequest) []computeunit.Violation {
	t.Helper()
	err := request.Validate()
	if err == nil {
		return nil
	}
	var invalid *computeunit.ValidationError
	require.ErrorAs(t, err, &invalid)
	require.NotEmpty(t, invalid.Violations)
	return invalid.Violations
}

func violatedPaths(t *testing.T, request computeunit.PurchaseComputeUnitRequest) (paths []string) {
	t.Helper()
	for _, violation := range violated(t, request) {
		paths = append(paths, violation.Path)
	}
	return paths
}

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

func withTiming(timing computeunit.PaymentTiming, billing computeunit.Billing) computeunit.PurchaseComputeUnitRequest {
	billing.PaymentTiming = timing
	return withBilling(billing)
}

// reserved is prepaid with this reservation.
func reserved(reservation computeunit.Reservation) computeunit.PurchaseComputeUnitRequest {
	return withBilling(computeunit.Billing{PaymentTiming: computeunit.PaymentTimingPrepaid, Reservation: reservation})
}

func releasedAt(billing computeunit.Billing, release time.Time) computeunit.PurchaseComputeUnitRequest {
	billing.ReleaseTime = release
	return withBilling(billing)
}

func TestValidateAcceptsWhatIsDocumented(t *testing.T) {
	requests := []computeunit.PurchaseComputeUnitRequest{
		documentedRequest(), withReplicas(1), withReplicas(math.MaxInt), withBilling(computeunit.Prepaid(1)),
		withBilling(computeunit.Prepaid(12)),
		withBilling(computeunit.Prepaid(5).WithAutoRenew(0)), withBilling(computeunit.Prepaid(5).WithAutoRenew(1)),
		withBilling(computeunit.Prepaid(5).WithAutoRenew(6)),
		reserved(computeunit.Reservation{ReservationTimeUnit: "Month", ReservationLength: 5, AutoRenew: true, AutoRenewTime: 1}),
		withBilling(computeunit.Postpaid()),
		// The last second that RFC 3339 can write is a common way to say "never". No latest release time is documented.
		withBilling(computeunit.PostpaidUntil(time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC))),
	}
	for _, id := range []string{ // no format is documented
		"x", "0", "SVCO", "a b", " padded ", "服务", "🙂", "a/b?c#d", `"`, "a\u2028b", "null", strings.Repeat("x", 1<<16),
	} {
		requests = append(requests, withServiceID(id))
	}
	for _, request := range requests {
		assert.NoError(t, request.Validate())
	}
}

func TestValidateNamesPathRuleAndValueOfEveryBrokenRule(t *testing.T) {
	const (
		timing, reservation, release = "billing.paymentTiming", "billing.reservation", "billing.releaseTime"
		unit, length                 = "billing.reservation.reservationTimeUnit", "billing.reservation.reservationLength"
		renewUnit, renewTime         = "billing.reservation.autoRenewTimeUnit", "billing.reservation.autoRenewTime"
		needsRenew                   = "must not be given unless autoRenew is true"
	)
	month := func(change func(*computeunit.Reservation)) computeunit.PurchaseComputeUnitRequest {
		r := computeunit.Prepaid(5).Reservation
		change(&r)
		return reserved(r)
	}
	at2999, at10000 := time.Date(2999, 1, 25, 12, 30, 30, 0, time.UTC), time.Date(10000, 6, 1, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		request           computeunit.PurchaseComputeUnitRequest
		path, rule, value string
	}{
		{withServiceID(""), "serviceId", "must not be blank, and be valid UTF-8", `""`},
		{withServiceID("\t\r\n"), "serviceId", "must not be blank, and be valid UTF-8", `"\t\r\n"`},
		{withServiceID("\u3000 "), "serviceId", "must not be blank, and be valid UTF-8", `"\u3000 "`},
		{withServiceID("svco-\xff"), "serviceId", "must not be blank, and be valid UTF-8", `"svco-\xff"`},
		{withReplicas(0), "replicasCount", "must be at least 1", "0"},
		{withReplicas(math.MinInt), "replicasCount", "must be at least 1", strconv.Itoa(math.MinInt)},
		{withBilling(computeunit.Billing{}), timing, "must be Prepaid or Postpaid", `""`},
		{withTiming("postpaid", computeunit.Billing{}), timing, "must be Prepaid or Postpaid", `"postpaid"`},
		{withTiming("Postpaid ", computeunit.Billing{}), timing, "must be Prepaid or Postpaid", `"Postpaid "`},
		{withTiming("Prepaid", computeunit.Billing{}), reservation, "is required when paymentTiming is Prepaid", `""`},
		{month(func(r *computeunit.Reservation) { r.ReservationTimeUnit = "" }), unit, "must be Month", `""`},
		{month(func(r *computeunit.Reservation) { r.ReservationTimeUnit = "month" }), unit, "must be Month", `"month"`},
		{withBilling(computeunit.Prepaid(0)), length, "must be 1 to 12", "0"},
		{withBilling(computeunit.Prepaid(-1)), length, "must be 1 to 12", "-1"},
		{withBilling(computeunit.Prepaid(13)), length, "must be 1 to 12", "13"},
		{withBilling(computeunit.Prepaid(5).WithAutoRenew(-1)), renewTime, "must be 1 to 6, or 0 for not given", "-1"},
		{withBilling(computeunit.Prepaid(5).WithAutoRenew(7)), renewTime, "must be 1 to 6, or 0 for not given", "7"},
		{month(func(r *computeunit.Reservation) { r.AutoRenew, r.AutoRenewTimeUnit = true, "Year" }), renewUnit,
			"must be Month, or not given", `"Year"`},
		{month(func(r *computeunit.Reservation) { r.AutoRenewTime = 1 }), renewTime, needsRenew, "1"},
		{month(func(r *computeunit.Reservation) { r.AutoRenewTimeUnit = "Month" }), renewUnit, needsRenew, `"Month"`},
		{withBilling(computeunit.Postpaid().WithAutoRenew(1)), reservation, "must not be given when paymentTiming is Postpaid",
			`computeunit.Reservation{ReservationTimeUnit:"", ReservationLength:0, AutoRenew:true, AutoRenewTimeUnit:"Month", AutoRenewTime:1}`},
		{releasedAt(computeunit.Prepaid(5), at2999), release, "must not be given when paymentTiming is Prepaid",
			"time.Date(2999, time.January, 25, 12, 30, 30, 0, time.UTC)"},
		{releasedAt(computeunit.Postpaid(), at10000), release, "must be in the future, in a year of four digits",
			`"10000-06-01T00:00:00Z"`},
	} {
		t.Run(test.path+" "+test.value, func(t *testing.T) {
			assert.Equal(t, []computeunit.Violation{{Path: test.path, Rule: test.rule, Value: test.value}}, violated(t, test.request))
			assertOneLine(t, test.request.Validate())
		})
	}
}

// Violation.Value promises that strings are quoted: an error must not carry a caller's line breaks into a log.
func TestValidateQuotesTheTextsOfAReservation(t *testing.T) {
	assertOneLine(t, withTiming("Postpaid", computeunit.Billing{
		Reservation: computeunit.Reservation{ReservationTimeUnit: "Month\nlevel=INFO", AutoRenewTimeUnit: "\x1b[31m"},
	}).Validate())
}

func TestValidateListsAllViolationsAtOnce(t *testing.T) {
	everything := releasedAt(computeunit.Billing{
		PaymentTiming: computeunit.PaymentTimingPrepaid,
		Reservation: computeunit.Reservation{ReservationTimeUnit: "Day", ReservationLength: 13,
			AutoRenewTimeUnit: "Month", AutoRenewTime: 1},
	}, time.Unix(0, 0))
	everything.ServiceID, everything.ReplicasCount = "", -3
	for want, request := range map[string]computeunit.PurchaseComputeUnitRequest{
		"serviceId replicasCount billing.paymentTiming": {},
		"serviceId replicasCount billing.reservation.reservationTimeUnit billing.reservation.reservationLength" +
			" billing.reservation.autoRenewTimeUnit billing.reservation.autoRenewTime billing.releaseTime": everything,
		// What is given is looked into even if the payment timing is wrong.
		"billing.paymentTiming billing.reservation.reservationLength": withTiming("prepaid", computeunit.Prepaid(13)),
		"billing.paymentTiming billing.releaseTime": withTiming("postpaid",
			computeunit.PostpaidUntil(time.Unix(0, 0))),
	} {
		assert.Equal(t, strings.Fields(want), violatedPaths(t, request))
	}
}

func TestValidateWantsAReleaseTimeInTheFutureWhateverItsZone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // time stands still, at a whole second
		for _, hours := range []int{-12, 0, 8, 14} {
			now := time.Now().In(time.FixedZone("", hours*3600))
			for ahead, valid := range map[time.Duration]bool{
				-365 * 24 * time.Hour: false, -1: false, 0: false, 999_999_999: false, time.Second: true,
				365 * 24 * time.Hour: true, // whole seconds are sent
			} {
				found := violated(t, withBilling(computeunit.PostpaidUntil(now.Add(ahead))))
				if valid {
					assert.Empty(t, found)
				} else if assert.Len(t, found, 1, "%s ahead", ahead) {
					assert.Equal(t, []string{"billing.releaseTime", "must be in the future, in a year of four digits"}, []string{found[0].Path, found[0].Rule})
				}
			}
		}
	})
}
