package computeunit_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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

// changed is the documented request with these fields in the place of its own.
func changed(t *testing.T, fields string) computeunit.PurchaseComputeUnitRequest {
	t.Helper()
	request := documentedRequest()
	require.NoError(t, json.Unmarshal([]byte(fields), &request))
	return request
}

func TestValidateAcceptsWhatIsDocumented(t *testing.T) {
	for _, fields := range []string{
		`{}`, `{"replicasCount":1}`, `{"replicasCount":9223372036854775807}`,
		`{"billing":{"paymentTiming":"Prepaid","reservation":{"reservationTimeUnit":"Month","reservationLength":1,"autoRenew":true}}}`,
		`{"billing":{"paymentTiming":"Prepaid","reservation":{"reservationTimeUnit":"Month","reservationLength":12,"autoRenew":true,
			"autoRenewTimeUnit":"Month","autoRenewTime":1}}}`,
		`{"billing":{"paymentTiming":"Prepaid","reservation":{"reservationTimeUnit":"Month","reservationLength":1,"autoRenew":true,
			"autoRenewTime":6}}}`,
		`{"billing":{"paymentTiming":"Postpaid"}}`,
		// The last second that RFC 3339 can write is a common way to say "never". No latest release time is documented.
		`{"billing":{"paymentTiming":"Postpaid","releaseTime":"9999-12-31T23:59:59Z"}}`,
		// No format of an id is documented.
		`{"serviceId":"0"}`, `{"serviceId":" a b "}`, `{"serviceId":"服务"}`, `{"serviceId":"🙂"}`, `{"serviceId":"a/b?c#d"}`,
		`{"serviceId":"\""}`, `{"serviceId":"a\u2028b"}`, `{"serviceId":"` + strings.Repeat("x", 1<<16) + `"}`,
	} {
		assert.NoError(t, changed(t, fields).Validate(), fields)
	}
}

func TestValidateNamesPathRuleAndValueOfEveryBrokenRule(t *testing.T) {
	for fields, want := range map[string]string{
		`{"serviceId":"\t\r\n"}`:                  `serviceId must not be blank, and be valid UTF-8 (found "\t\r\n")`,
		`{"serviceId":"\u3000 "}`:                 `serviceId must not be blank, and be valid UTF-8 (found "\u3000 ")`,
		`{"billing":{"paymentTiming":"Prepaid"}}`: `billing.reservation is required when paymentTiming is Prepaid (found "")`,
		`{"billing":{"paymentTiming":"Prepaid","reservation":{"reservationLength":5}}}`: `
			billing.reservation.reservationTimeUnit must be Month (found "")`,
		`{"billing":{"paymentTiming":"Prepaid","reservation":{"reservationTimeUnit":"Month"}}}`: `
			billing.reservation.reservationLength must be 1 to 12 (found 0)`,
		`{"billing":{"paymentTiming":"Prepaid","reservation":{"reservationTimeUnit":"Month","reservationLength":5,"autoRenew":true,
			"autoRenewTimeUnit":"Year","autoRenewTime":-1}}}`: `
			billing.reservation.autoRenewTimeUnit must be Month, or not given (found "Year");
			billing.reservation.autoRenewTime must be 1 to 6, or 0 for not given (found -1)`,
		`{"billing":{"paymentTiming":"Prepaid","reservation":{"reservationTimeUnit":"Month","reservationLength":5,"autoRenew":true,
			"autoRenewTime":7}}}`: `billing.reservation.autoRenewTime must be 1 to 6, or 0 for not given (found 7)`,
		`{"billing":{"paymentTiming":"Postpaid","reservation":{"autoRenew":true}}}`: `
			billing.reservation must not be given when paymentTiming is Postpaid (found computeunit.Reservation{ReservationTimeUnit:"",
			ReservationLength:0, AutoRenew:true, AutoRenewTimeUnit:"", AutoRenewTime:0})`,
		// All violations are listed at once. What is given is looked into even if the payment timing is wrong.
		`{"serviceId":"","replicasCount":0,"billing":{}}`: `
			serviceId must not be blank, and be valid UTF-8 (found ""); replicasCount must be at least 1 (found 0);
			billing.paymentTiming must be Prepaid or Postpaid (found "")`,
		`{"replicasCount":-3,"billing":{"paymentTiming":"Prepaid","releaseTime":"1970-01-01T00:00:00Z","reservation":{
			"reservationTimeUnit":"Day","reservationLength":13,"autoRenewTimeUnit":"Month","autoRenewTime":1}}}`: `
			replicasCount must be at least 1 (found -3);
			billing.reservation.reservationTimeUnit must be Month (found "Day");
			billing.reservation.reservationLength must be 1 to 12 (found 13);
			billing.reservation.autoRenewTimeUnit must not be given unless autoRenew is true (found "Month");
			billing.reservation.autoRenewTime must not be given unless autoRenew is true (found 1);
			billing.releaseTime must not be given when paymentTiming is Prepaid
			(found time.Date(1970, time.January, 1, 0, 0, 0, 0, time.UTC))`,
		`{"billing":{"paymentTiming":"prepaid","releaseTime":"1970-01-01T00:00:00Z","reservation":{
			"reservationTimeUnit":"month","reservationLength":5}}}`: `
			billing.paymentTiming must be Prepaid or Postpaid (found "prepaid");
			billing.reservation.reservationTimeUnit must be Month (found "month");
			billing.releaseTime must be in the future, in a year of four digits (found "1970-01-01T00:00:00Z")`,
	} {
		assert.EqualError(t, changed(t, fields).Validate(), "invalid request: "+strings.Join(strings.Fields(want), " "))
	}
	assert.ErrorContains(t, withServiceID("svco-\xff").Validate(), `(found "svco-\xff")`)
	after9999 := withBilling(computeunit.PostpaidUntil(time.Date(10000, 6, 1, 0, 0, 0, 0, time.UTC)))
	assert.ErrorContains(t, after9999.Validate(), `(found "10000-06-01T00:00:00Z")`)
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
