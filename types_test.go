package computeunit_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
)

var china = time.FixedZone("CST", 8*60*60)

// plain are the types that are plain JSON, in each JSON package that this Go has: the same in both directions, byte for byte.
// The requests and the response to a purchase are as the API's pages document them.
var plain = map[string]struct {
	json  string
	value any
}{
	"the documented purchase": {documentedBody, documentedRequest()},
	"prepaid with auto renew": {
		`{"serviceId":"svco-1","billing":{"paymentTiming":"Prepaid","reservation":{"reservationTimeUnit":"Month",
			"reservationLength":12,"autoRenew":true,"autoRenewTimeUnit":"Month","autoRenewTime":6}},"replicasCount":1}`,
		computeunit.PurchaseComputeUnitRequest{ServiceID: "svco-1", Billing: computeunit.Prepaid(12).WithAutoRenew(6),
			ReplicasCount: 1},
	},
	"auto renew for the service's default time": {
		`{"paymentTiming":"Prepaid","reservation":{"reservationTimeUnit":"Month","reservationLength":1,"autoRenew":true,"autoRenewTimeUnit":"Month"}}`,
		computeunit.Prepaid(1).WithAutoRenew(0),
	},
	"prepaid without a reservation": {`{"paymentTiming":"Prepaid"}`,
		computeunit.Billing{PaymentTiming: computeunit.PaymentTimingPrepaid}},
	"postpaid": {`{"paymentTiming":"Postpaid"}`, computeunit.Postpaid()},
	"postpaid with a release time": {
		`{"paymentTiming":"Postpaid","releaseTime":"2030-01-25T12:30:30Z"}`,
		computeunit.PostpaidUntil(time.Date(2030, 1, 25, 12, 30, 30, 0, time.UTC)),
	},
	"text that JSON has to escape": {
		`{"serviceId":"svc\"\\\u0001服务","billing":{"paymentTiming":"Postpaid"},"replicasCount":1}`,
		computeunit.PurchaseComputeUnitRequest{ServiceID: "svc\"\\\u0001服务", Billing: computeunit.Postpaid(), ReplicasCount: 1},
	},
	"the response to a purchase": {documentedAnswer, computeunit.PurchaseComputeUnitResponse{
		RequestID: "1bef3f87-c5b2-4419-936b-50f9884f10d4",
		Result:    computeunit.PurchaseResult{InstanceID: "44961088fxxxx9e9379f5daf", OrderID: "7b468732xxxxxx8364292"},
	}},
	"a listing of all": {`{"serviceId":"svco-1"}`, computeunit.DescribeComputeUnitsRequest{ServiceID: "svco-1"}},
	"a listing of some": {`{"serviceId":"svco-48exxxa594","paymentTiming":"Prepaid"}`,
		computeunit.DescribeComputeUnitsRequest{ServiceID: "svco-48exxxa594", PaymentTiming: computeunit.PaymentTimingPrepaid}},
	"the response to a listing": {
		`{"requestId":"r","serviceId":"svco-1","paymentTiming":"Postpaid","date":"2026-11-25T01:02:03Z","result":{"instances":[
			{"instanceId":"i-1","paymentTiming":"Postpaid","replicasCount":5,"status":"Running","startTime":"yesterday"}]}}`,
		computeunit.DescribeComputeUnitsResponse{
			RequestID: "r", ServiceID: "svco-1", PaymentTiming: "Postpaid", Date: time.Date(2026, 11, 25, 1, 2, 3, 0, time.UTC),
			Result: computeunit.DescribeResult{Instances: []computeunit.Instance{
				{InstanceID: "i-1", PaymentTiming: "Postpaid", ReplicasCount: 5, Status: computeunit.InstanceRunning,
					StartTime: "yesterday"},
			}},
		},
	},
	"the response to an empty listing": {`{"requestId":"r","serviceId":"svco-1","result":{"instances":[]}}`,
		computeunit.DescribeComputeUnitsResponse{
			RequestID: "r", ServiceID: "svco-1", Result: computeunit.DescribeResult{Instances: []computeunit.Instance{}},
		}},
	"a response that is not a success": {`{"StatusCode":403,"Code":"AccessDenied","Message":"no","RequestID":"r","Evidence":""}`,
		computeunit.APIError{StatusCode: 403, Code: "AccessDenied", Message: "no", RequestID: "r"}},
	"broken rules": {`{"Violations":[{"Path":"serviceId","Rule":"must not be blank","Value":"\"\""}]}`,
		computeunit.ValidationError{Violations: []computeunit.Violation{{Path: "serviceId", Rule: "must not be blank", Value: `""`}}}},
	"a release": {`{"serviceId":"svco-1","instanceId":"i-1"}`,
		computeunit.ReleaseComputeUnitRequest{ServiceID: "svco-1", InstanceID: "i-1"}},
}

func TestPlainJSONIsAsDocumentedInBothDirections(t *testing.T) {
	for pkg, codec := range jsonPackages {
		for name, row := range plain {
			t.Run(pkg+" "+name, func(t *testing.T) {
				read := reflect.New(reflect.TypeOf(row.value))
				require.NoError(t, codec.unmarshal([]byte(row.json), read.Interface()))
				assert.Equal(t, row.value, read.Elem().Interface())
				for _, value := range []any{row.value, read.Interface()} { // also through a pointer
					text, err := codec.marshal(value)
					require.NoError(t, err)
					assert.Equal(t, compact(t, row.json), string(text))
				}
			})
		}
	}
}

// RFC 3339 has no seconds in an offset, and none of a day or more: such a time goes out in UTC.
func TestAReleaseTimeIsSentAsRFC3339WithWholeSecondsAndItsOffset(t *testing.T) {
	for want, zone := range map[string]*time.Location{
		"2030-01-25T12:30:30+08:00": china,
		"2030-01-25T12:30:30-09:30": time.FixedZone("", -9*3600-1800),
		"2030-01-25T12:30:30Z":      time.UTC,
		"2030-01-25T04:24:47Z":      time.FixedZone("LMT", 8*3600+5*60+43),
		"2030-01-24T12:30:30Z":      time.FixedZone("far", 24*3600),
		"2030-01-25T12:30:30+23:59": time.FixedZone("", 24*3600-60),
	} {
		for _, fraction := range []int{0, 999_999_999} { // dropped, not rounded
			billing := computeunit.PostpaidUntil(time.Date(2030, 1, 25, 12, 30, 30, fraction, zone))
			assert.Equal(t, `{"paymentTiming":"Postpaid","releaseTime":"`+want+`"}`, marshal(t, billing))
		}
	}
}

// eachReading reads a billing alone and inside a request, with each package, and returns what came of it.
func eachReading(text string) (billings []computeunit.Billing, errs []error) {
	for _, codec := range jsonPackages {
		billing, request := computeunit.Prepaid(7), documentedRequest()
		billing.ReleaseTime = time.Unix(1<<33, 0)
		errs = append(errs, codec.unmarshal([]byte(text), &billing),
			codec.unmarshal([]byte(`{"serviceId":"svco-1","billing":`+text+`,"more":[1]}`), &request))
		billings = append(billings, billing, request.Billing)
	}
	return billings, errs
}

func TestABillingIsReadFromWhatIsDocumented(t *testing.T) {
	until := computeunit.PostpaidUntil(time.Date(2030, 1, 25, 12, 30, 30, 0, china))
	for text, want := range map[string]computeunit.Billing{
		`{"paymentTiming":"Postpaid"}`:                                                                    computeunit.Postpaid(),
		`{"paymentTiming":"Postpaid","releaseTime":null,"reservation":null}`:                              computeunit.Postpaid(),
		`{"paymentTiming":"Postpaid","releaseTime":"2030-01-25T12:30:30+08:00"}`:                          until,
		`{"paymentTiming":"Postpaid","releaseTime":"2030-01-25T04:30:30Z"}`:                               until,
		`{"paymentTiming":"Postpaid","releaseTime":"2030-01-25 12:30:30"}`:                                until,
		`{"PAYMENTTIMING":"Prepaid","Reservation":{"ReservationTimeUnit":"Month","reservationlength":1}}`: computeunit.Prepaid(1),
	} {
		billings, errs := eachReading(text)
		for i, got := range billings {
			require.NoError(t, errs[i], text)
			assert.True(t, want.ReleaseTime.Equal(got.ReleaseTime), text)
			got.ReleaseTime = want.ReleaseTime // the same moment in another *time.Location
			assert.Equal(t, want, got, "the whole billing is replaced")
		}
	}
}

// A misspelt field in a configuration would buy something else, and without a release time the units run, and cost, without end:
// one that was asked for is never taken for none.
func TestABillingThatMayMeanSomethingElseIsRefused(t *testing.T) {
	for _, text := range []string{
		`{"paymentTiming":"Postpaid","releaseTimee":"2030-01-25T12:30:30+08:00"}`,
		`{"paymentTiming":"Postpaid","release_time":"2030-01-25T12:30:30+08:00"}`,
		`{"paymentTiming":"Prepaid","reservation":{"reservationTimeUnit":"Month","reservationLength":1,"autoRenw":true}}`,
		`{"paymentTiming":"Prepaid","reservations":{}}`, `{"payment":"Prepaid"}`,
		`{"paymentTiming":"Postpaid","couponId":null}`, `{"paymentTiming":"Postpaid","":1}`,
		`{"paymentTiming":"Postpaid","releaseTime":""}`, `{"paymentTiming":"Postpaid","releaseTime":" "}`,
		`{"paymentTiming":"Postpaid","releaseTime":"soon"}`,
		`{"paymentTiming":"Postpaid","releaseTime":"0001-01-01T00:00:00.000Z"}`,
		`{"paymentTiming":"Postpaid","releaseTime":"0001-01-01 08:00:00"}`,
		`{"paymentTiming":"Postpaid","releaseTime":"0001-01-01T08:00:00+08:00"}`,
		`{"paymentTiming":"Postpaid","releaseTime":1893456000}`,
		`"Prepaid"`, `[]`, `{"paymentTiming":1}`, `{"reservation":[]}`, `{"reservation":{"reservationLength":"5"}}`,
		`{"reservation":{"reservationLength":1.5}}`,
		`{"reservation":{"autoRenew":1}}`, `{`, ``, `{"reservation":[1 2]}`,
	} {
		billings, errs := eachReading(text)
		for i, err := range errs {
			assert.Error(t, err, text)
			assert.Equal(t, []int{7, 5}[i%2], billings[i].Reservation.ReservationLength, "it is left as it was")
		}
		assert.Error(t, new(computeunit.Billing).UnmarshalJSON([]byte(text)), text)
	}
	_, errs := eachReading(`{"paymentTiming":"Postpaid","releaseTimee":1}`)
	assert.ErrorContains(t, errs[0], "releaseTimee")
}

func TestNullChangesNothing(t *testing.T) {
	billings, errs := eachReading(`null`)
	for i, err := range errs {
		assert.NoError(t, err)
		assert.Equal(t, []int{7, 5}[i%2], billings[i].Reservation.ReservationLength)
	}
}

func TestPostpaidUntilATimeThatIsZeroByMistakeIsNeverWithoutEnd(t *testing.T) {
	for _, release := range []time.Time{{}, time.Time{}.In(china), time.Time{}.Add(time.Millisecond), time.Date(1, 1, 1, 0, 0, 0, 0, china), time.Unix(0, 0)} {
		request := withBilling(computeunit.PostpaidUntil(release))
		assert.ErrorContains(t, request.Validate(), "invalid request: billing.releaseTime")
		var read computeunit.PurchaseComputeUnitRequest
		if json.Unmarshal([]byte(marshal(t, request)), &read) == nil {
			assert.ErrorContains(t, read.Validate(), "invalid request: billing.releaseTime", "nor after its way through JSON")
		}
	}
}

// The form without a zone is read as China Standard Time, wherever this runs.
func TestParseReleaseTimeReadsBothDocumentedFormsAndKeepsTheOffset(t *testing.T) {
	for text, want := range map[string]string{
		"2030-01-25T12:30:30+08:00": "2030-01-25T12:30:30+08:00", "2030-01-25T04:30:30Z": "2030-01-25T04:30:30Z",
		"2030-01-25 12:30:30": "2030-01-25T12:30:30+08:00", "2030-07-01 00:00:00": "2030-07-01T00:00:00+08:00",
	} {
		got, err := computeunit.ParseReleaseTime(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got.Format(time.RFC3339))
	}
	for _, text := range []string{
		"", "tomorrow", "2030-01-25", "1893456000", "2030/01/25 12:30:30", "2030-01-25T12:30:30", "2030-01-25 12:30:30Z",
		"2030-01-25 12:30:30 +0800", "2030-02-29T00:00:00Z", "20300-01-25 12:30:30", "2030-01-25 12:30:30\n", "a\x1b[31m\nb",
	} {
		got, err := computeunit.ParseReleaseTime(text)
		assertOneLine(t, err)
		assert.True(t, got.IsZero(), "%q", text)
		assert.ErrorContains(t, err, "2030-01-25T12:30:30+08:00")
		assert.ErrorContains(t, err, "2030-01-25 12:30:30")
	}
}

// time.Parse reads offsets up to +24:60, which cannot be written back: what is accepted must be sendable.
func FuzzParseReleaseTime(f *testing.F) {
	for _, seed := range []string{
		"2030-01-25T12:30:30+08:00", "2030-01-25 12:30:30", "2030-01-25T12:30:30.999999999-09:30", "2030-01-25 12:30:30,5",
		"0001-01-01T00:00:00Z", "9999-12-31 23:59:59", "9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00+14:00", "", "\xff",
		"2030-01-25T12:30:30+23:59", "2030-01-25T12:30:30+24:00", "2030-01-25T12:30:30-24:60", "2030-01-25T12:30:30+00:60",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := computeunit.ParseReleaseTime(text)
		if err != nil {
			assert.True(t, parsed.IsZero())
			return
		}
		sent := marshal(t, computeunit.PostpaidUntil(parsed))
		var read computeunit.Billing
		err = json.Unmarshal([]byte(sent), &read)
		if parsed.Truncate(time.Second).IsZero() {
			require.Error(t, err, "the zero time is never taken for none")
			return
		}
		require.NoError(t, err, sent)
		assert.Equal(t, parsed.Unix(), read.ReleaseTime.Unix(), sent)
		_, after, _ := strings.Cut(sent, "T")
		assert.NotContains(t, after, ".", "whole seconds")
	})
}
