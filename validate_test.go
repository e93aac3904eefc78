package computeunit_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

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

// with is the documented request, changed.
func with(change func(*computeunit.PurchaseComputeUnitRequest)) computeunit.PurchaseComputeUnitRequest {
	request := documentedRequest()
	change(&request)
	return request
}

func withReservation(change func(*computeunit.Reservation)) computeunit.PurchaseComputeUnitRequest {
	return with(func(r *computeunit.PurchaseComputeUnitRequest) { change(&r.Billing.Reservation) })
}

func withBilling(billing computeunit.Billing) computeunit.PurchaseComputeUnitRequest {
	return with(func(r *computeunit.PurchaseComputeUnitRequest) { r.Billing = billing })
}

func withServiceID(id string) computeunit.PurchaseComputeUnitRequest {
	return with(func(r *computeunit.PurchaseComputeUnitRequest) { r.ServiceID = id })
}

func withReplicas(count int) computeunit.PurchaseComputeUnitRequest {
	return with(func(r *computeunit.PurchaseComputeUnitRequest) { r.ReplicasCount = count })
}

func withAutoRenewTime(months int) computeunit.PurchaseComputeUnitRequest {
	return withBilling(computeunit.Prepaid(5).WithAutoRenew(months))
}

func TestValidateAcceptsWhatIsDocumented(t *testing.T) {
	for name, request := range map[string]computeunit.PurchaseComputeUnitRequest{
		"the documented example":      documentedRequest(),
		"1 replica":                   withReplicas(1),
		"2 replicas":                  withReplicas(2),
		"as many replicas as int has": withReplicas(math.MaxInt),
		"1 month":                     withBilling(computeunit.Prepaid(1)),
		"12 months":                   withBilling(computeunit.Prepaid(12)),
		"autoRenewTime not given":     withAutoRenewTime(0),
		"autoRenewTime 1":             withAutoRenewTime(1),
		"autoRenewTime 6":             withAutoRenewTime(6),
		"autoRenewTimeUnit not given": withReservation(func(r *computeunit.Reservation) { r.AutoRenew, r.AutoRenewTime = true, 1 }),
		"postpaid":                    withBilling(computeunit.Postpaid()),
		"postpaid until 2999":         withBilling(computeunit.PostpaidUntil(time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC))),
	} {
		t.Run(name, func(t *testing.T) { assert.NoError(t, request.Validate()) })
	}
}

func TestValidateAcceptsAServiceIDInAnyForm(t *testing.T) {
	for _, id := range []string{
		"svco-48esssdpa594", "x", "0", "SVCO", "a b", " padded ", "服务", "🙂", "a/b?c#d", `"`, "a\u2028b", "null", strings.Repeat("x", 1<<16),
	} {
		assert.NoError(t, withServiceID(id).Validate(), "%.20q", id)
	}
}

func TestValidateNamesPathRuleAndValueOfEveryBrokenRule(t *testing.T) {
	const (
		unitPath   = "billing.reservation.autoRenewTimeUnit"
		lengthPath = "billing.reservation.autoRenewTime"
		needsRenew = "must not be given unless autoRenew is true"
	)
	for _, test := range []struct {
		name    string
		request computeunit.PurchaseComputeUnitRequest
		want    computeunit.Violation
	}{
		{"serviceId empty", withServiceID(""), computeunit.Violation{Path: "serviceId", Rule: "must not be blank", Value: `""`}},
		{"serviceId of spaces", withServiceID("   "), computeunit.Violation{Path: "serviceId", Rule: "must not be blank", Value: `"   "`}},
		{"serviceId of tabs and newlines", withServiceID("\t\r\n"), computeunit.Violation{Path: "serviceId", Rule: "must not be blank", Value: `"\t\r\n"`}},
		{"serviceId of ideographic spaces", withServiceID("\u3000\u3000"), computeunit.Violation{Path: "serviceId", Rule: "must not be blank", Value: `"\u3000\u3000"`}},
		{"serviceId not UTF-8", withServiceID("svco-\xff"), computeunit.Violation{Path: "serviceId", Rule: "must be valid UTF-8", Value: `"svco-\xff"`}},
		{"0 replicas", withReplicas(0), computeunit.Violation{Path: "replicasCount", Rule: "must be at least 1", Value: "0"}},
		{"-1 replicas", withReplicas(-1), computeunit.Violation{Path: "replicasCount", Rule: "must be at least 1", Value: "-1"}},
		{"as few replicas as int has", withReplicas(math.MinInt), computeunit.Violation{Path: "replicasCount", Rule: "must be at least 1", Value: fmt.Sprint(math.MinInt)}},
		{"no paymentTiming", withBilling(computeunit.Billing{}), computeunit.Violation{Path: "billing.paymentTiming", Rule: "must be Prepaid or Postpaid", Value: `""`}},
		{"paymentTiming in lower case", withBilling(computeunit.Billing{PaymentTiming: "postpaid"}), computeunit.Violation{Path: "billing.paymentTiming", Rule: "must be Prepaid or Postpaid", Value: `"postpaid"`}},
		{"paymentTiming with a blank", withBilling(computeunit.Billing{PaymentTiming: "Postpaid "}), computeunit.Violation{Path: "billing.paymentTiming", Rule: "must be Prepaid or Postpaid", Value: `"Postpaid "`}},
		{"prepaid without a reservation", withBilling(computeunit.Billing{PaymentTiming: "Prepaid"}), computeunit.Violation{Path: "billing.reservation", Rule: "is required when paymentTiming is Prepaid", Value: "none"}},
		{"no reservationTimeUnit", withReservation(func(r *computeunit.Reservation) { r.ReservationTimeUnit = "" }), computeunit.Violation{Path: "billing.reservation.reservationTimeUnit", Rule: "must be Month", Value: `""`}},
		{"reservationTimeUnit Year", withReservation(func(r *computeunit.Reservation) { r.ReservationTimeUnit = "Year" }), computeunit.Violation{Path: "billing.reservation.reservationTimeUnit", Rule: "must be Month", Value: `"Year"`}},
		{"reservationTimeUnit in lower case", withReservation(func(r *computeunit.Reservation) { r.ReservationTimeUnit = "month" }), computeunit.Violation{Path: "billing.reservation.reservationTimeUnit", Rule: "must be Month", Value: `"month"`}},
		{"0 months", withBilling(computeunit.Prepaid(0)), computeunit.Violation{Path: "billing.reservation.reservationLength", Rule: "must be 1 to 12", Value: "0"}},
		{"-1 months", withBilling(computeunit.Prepaid(-1)), computeunit.Violation{Path: "billing.reservation.reservationLength", Rule: "must be 1 to 12", Value: "-1"}},
		{"13 months", withBilling(computeunit.Prepaid(13)), computeunit.Violation{Path: "billing.reservation.reservationLength", Rule: "must be 1 to 12", Value: "13"}},
		{"autoRenewTime -1", withAutoRenewTime(-1), computeunit.Violation{Path: lengthPath, Rule: "must be 1 to 6, or 0 for not given", Value: "-1"}},
		{"autoRenewTime 7", withAutoRenewTime(7), computeunit.Violation{Path: lengthPath, Rule: "must be 1 to 6, or 0 for not given", Value: "7"}},
		{"autoRenewTimeUnit Year", withReservation(func(r *computeunit.Reservation) { r.AutoRenew, r.AutoRenewTimeUnit = true, "Year" }), computeunit.Violation{Path: unitPath, Rule: "must be Month, or not given", Value: `"Year"`}},
		{"autoRenewTime without autoRenew", withReservation(func(r *computeunit.Reservation) { r.AutoRenewTime = 1 }), computeunit.Violation{Path: lengthPath, Rule: needsRenew, Value: "1"}},
		{"autoRenewTimeUnit without autoRenew", withReservation(func(r *computeunit.Reservation) { r.AutoRenewTimeUnit = "Month" }), computeunit.Violation{Path: unitPath, Rule: needsRenew, Value: `"Month"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			assert.Equal(t, []computeunit.Violation{test.want}, violated(t, test.request))
		})
	}
}

func TestValidateRefusesPostpaidWithAReservation(t *testing.T) {
	billing := computeunit.Prepaid(5)
	billing.PaymentTiming = computeunit.PaymentTimingPostpaid
	found := violated(t, withBilling(billing))
	require.Len(t, found, 1)
	assert.Equal(t, "billing.reservation", found[0].Path)
	assert.Equal(t, "must not be given when paymentTiming is Postpaid", found[0].Rule)
	assert.Contains(t, found[0].Value, "Month")
	assert.Contains(t, found[0].Value, "5")
}

// Violation.Value promises that strings are quoted: an error must not carry a caller's line breaks into a log.
func TestValidateQuotesTheTextsOfAReservationThatPostpaidMustNotHave(t *testing.T) {
	err := withBilling(computeunit.Billing{
		PaymentTiming: computeunit.PaymentTimingPostpaid,
		Reservation:   computeunit.Reservation{ReservationTimeUnit: "Month\nlevel=INFO", AutoRenewTimeUnit: "\x1b[31m"},
	}).Validate()
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "\n")
	assert.NotContains(t, err.Error(), "\x1b")
}

func TestValidateRefusesPrepaidWithAReleaseTime(t *testing.T) {
	for name, release := range map[string]time.Time{
		"in the future": time.Date(2999, 1, 25, 12, 30, 30, 0, time.UTC),
		"in the past":   time.Date(1999, 1, 25, 12, 30, 30, 0, time.UTC),
	} {
		t.Run(name, func(t *testing.T) {
			billing := computeunit.Prepaid(5)
			billing.ReleaseTime = release
			found := violated(t, withBilling(billing))
			require.Len(t, found, 1)
			assert.Equal(t, "billing.releaseTime", found[0].Path)
			assert.Equal(t, "must not be given when paymentTiming is Prepaid", found[0].Rule)
			assert.Contains(t, found[0].Value, "99-01-25")
		})
	}
}

func TestValidateNamesBothWhenATimeAndAUnitAreGivenWithoutAutoRenew(t *testing.T) {
	request := withReservation(func(r *computeunit.Reservation) { r.AutoRenewTime, r.AutoRenewTimeUnit = 1, "Month" })
	assert.ElementsMatch(t, []string{"billing.reservation.autoRenewTimeUnit", "billing.reservation.autoRenewTime"}, violatedPaths(t, request))
}

func TestValidateListsEveryViolationOfTheZeroRequest(t *testing.T) {
	var zero computeunit.PurchaseComputeUnitRequest
	assert.Equal(t, []string{"serviceId", "replicasCount", "billing.paymentTiming"}, violatedPaths(t, zero))
}

func TestValidateListsAllViolationsAtOnce(t *testing.T) {
	request := computeunit.PurchaseComputeUnitRequest{
		ServiceID:     "\u3000",
		ReplicasCount: -3,
		Billing: computeunit.Billing{
			PaymentTiming: computeunit.PaymentTimingPrepaid,
			ReleaseTime:   time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC),
			Reservation:   computeunit.Reservation{ReservationTimeUnit: "Day", ReservationLength: 13, AutoRenew: true, AutoRenewTimeUnit: "Day", AutoRenewTime: 7},
		},
	}
	assert.ElementsMatch(t, []string{
		"serviceId", "replicasCount", "billing.releaseTime", "billing.reservation.reservationTimeUnit",
		"billing.reservation.reservationLength", "billing.reservation.autoRenewTimeUnit", "billing.reservation.autoRenewTime",
	}, violatedPaths(t, request))
}

func TestValidateLooksIntoTheReservationWhenThePaymentTimingIsWrong(t *testing.T) {
	billing := computeunit.Prepaid(13)
	billing.PaymentTiming = "prepaid"
	assert.ElementsMatch(t, []string{"billing.paymentTiming", "billing.reservation.reservationLength"}, violatedPaths(t, withBilling(billing)))
}

func TestValidateWantsAReleaseTimeInTheFuture(t *testing.T) {
	for _, test := range []struct {
		name  string
		ahead time.Duration
		valid bool
	}{
		{"a year ago", -365 * 24 * time.Hour, false},
		{"a nanosecond ago", -time.Nanosecond, false},
		{"exactly now", 0, false},
		{"less than a second ahead, sent as now", 999_999_999, false},
		{"one second ahead", time.Second, true},
		{"in a year", 365 * 24 * time.Hour, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // time stands still, at a whole second
				request := withBilling(computeunit.PostpaidUntil(time.Now().Add(test.ahead)))
				if test.valid {
					assert.NoError(t, request.Validate())
					return
				}
				found := violated(t, request)
				require.Len(t, found, 1)
				assert.Equal(t, "billing.releaseTime", found[0].Path)
				assert.Equal(t, "must be in the future", found[0].Rule)
				assert.NotEmpty(t, found[0].Value)
			})
		})
	}
}

func TestValidateComparesReleaseTimesAsMomentsWhateverTheirZone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, hours := range []int{-12, 0, 8, 14} {
			zone := time.FixedZone("", hours*3600)
			assert.NoError(t, withBilling(computeunit.PostpaidUntil(time.Now().Add(time.Second).In(zone))).Validate(), "%d", hours)
			assert.Error(t, withBilling(computeunit.PostpaidUntil(time.Now().In(zone))).Validate(), "%d", hours)
		}
	})
}

func TestValidateRefusesAReleaseTimeThatRFC3339CannotWrite(t *testing.T) {
	found := violated(t, withBilling(computeunit.PostpaidUntil(time.Date(10000, 6, 1, 0, 0, 0, 0, time.UTC))))
	require.Len(t, found, 1)
	assert.Equal(t, "billing.releaseTime", found[0].Path)
	assert.Contains(t, found[0].Rule, "RFC 3339")
}

// The last second that RFC 3339 can write is a common way to say "never". No latest release time is documented.
func TestValidateAcceptsTheLastSecondThatRFC3339CanWrite(t *testing.T) {
	assert.NoError(t, withBilling(computeunit.PostpaidUntil(time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC))).Validate())
}

func TestValidateLeavesTheRequestAsItWas(t *testing.T) {
	request := withReservation(func(r *computeunit.Reservation) { r.AutoRenewTime = 9 })
	before := marshal(t, request)
	_ = request.Validate()
	assert.Equal(t, before, marshal(t, request))
}

func FuzzValidate(f *testing.F) {
	const year2100 = 4102444800
	f.Add("svco-48esssdpa594", 5, "Prepaid", true, "Month", 5, false, "", 0, false, int64(0), int64(0), 0)
	f.Add("svco-48esssdpa594", 1, "Prepaid", true, "Month", 12, true, "Month", 6, false, int64(0), int64(0), 0)
	f.Add("svco-1", 1, "Postpaid", false, "", 0, false, "", 0, true, int64(year2100), int64(999_999_999), 8*3600)
	f.Add("svco-1", 1, "Postpaid", false, "", 0, false, "", 0, true, int64(year2100), int64(0), 8*3600+343)
	f.Add("服务\u2028<&>\"", math.MaxInt, "Postpaid", false, "", 0, false, "", 0, false, int64(0), int64(0), 0)
	f.Add("\xff", 0, "prepaid", true, "Year", 13, false, "Day", 7, true, int64(-1), int64(-1), -24*3600)
	f.Add("\u3000", -1, "", false, "", -1, true, "", -1, true, int64(math.MaxInt64), int64(math.MaxInt64), math.MaxInt)
	f.Fuzz(func(t *testing.T, serviceID string, replicas int, timing string,
		reserved bool, unit string, length int, autoRenew bool, autoUnit string, autoTime int,
		released bool, seconds, nanoseconds int64, offset int,
	) {
		request := computeunit.PurchaseComputeUnitRequest{
			ServiceID: serviceID, ReplicasCount: replicas,
			Billing: computeunit.Billing{PaymentTiming: computeunit.PaymentTiming(timing)},
		}
		if reserved {
			request.Billing.Reservation = computeunit.Reservation{
				ReservationTimeUnit: computeunit.TimeUnit(unit), ReservationLength: length,
				AutoRenew: autoRenew, AutoRenewTimeUnit: computeunit.TimeUnit(autoUnit), AutoRenewTime: autoTime,
			}
		}
		if released {
			request.Billing.ReleaseTime = time.Unix(seconds, nanoseconds).In(time.FixedZone("fuzzed", offset))
		}
		before := time.Now()
		err := request.Validate()
		if err != nil {
			var invalid *computeunit.ValidationError
			if !errors.As(err, &invalid) || len(invalid.Violations) == 0 {
				t.Fatalf("an error that is no list of violations: %v", err)
			}
			return
		}
		if rule := brokenRule(request, before); rule != "" {
			t.Fatalf("accepted, but %s: %+v", rule, request)
		}
		body, err := json.Marshal(request)
		if err != nil {
			t.Fatalf("accepted, but does not marshal: %v: %+v", err, request)
		}
		var read computeunit.PurchaseComputeUnitRequest
		if err := json.Unmarshal(body, &read); err != nil {
			t.Fatalf("accepted, but does not unmarshal: %v: %s", err, body)
		}
		want, got := request.Billing.ReleaseTime, read.Billing.ReleaseTime
		if want.IsZero() != got.IsZero() || !want.IsZero() && want.Unix() != got.Unix() {
			t.Fatalf("release time %s came back as %s: %s", want, got, body)
		}
		request.Billing.ReleaseTime, read.Billing.ReleaseTime = time.Time{}, time.Time{}
		assert.Equal(t, request, read, "%s", body)
	})
}

// brokenRule is the documentation once more, written down apart from Validate; "" if a request keeps to it.
func brokenRule(request computeunit.PurchaseComputeUnitRequest, now time.Time) string {
	b := request.Billing
	if !utf8.ValidString(request.ServiceID) || len(strings.Fields(request.ServiceID)) == 0 {
		return "serviceId is blank or no text"
	}
	if request.ReplicasCount <= 0 {
		return "there is nothing to buy"
	}
	if b.PaymentTiming != "Prepaid" && b.PaymentTiming != "Postpaid" {
		return "paymentTiming is neither"
	}
	if (b.PaymentTiming == "Prepaid") != (b.Reservation != (computeunit.Reservation{})) {
		return "a reservation goes with Prepaid, and only with it"
	}
	if !b.ReleaseTime.IsZero() && (b.PaymentTiming != "Postpaid" || b.ReleaseTime.Unix() <= now.Unix()) {
		return "releaseTime is for Postpaid, and in the future"
	}
	if r := b.Reservation; r != (computeunit.Reservation{}) {
		switch {
		case r.ReservationTimeUnit != "Month":
			return "reservationTimeUnit is not Month"
		case r.ReservationLength < 1, r.ReservationLength > 12:
			return "reservationLength is not 1 to 12"
		case r.AutoRenewTimeUnit != "" && r.AutoRenewTimeUnit != "Month":
			return "autoRenewTimeUnit is not Month"
		case r.AutoRenewTime < 0, r.AutoRenewTime > 6:
			return "autoRenewTime is not 1 to 6"
		case !r.AutoRenew && (r.AutoRenewTimeUnit != "" || r.AutoRenewTime != 0):
			return "a renewal is described that would not happen"
		}
	}
	return ""
}
