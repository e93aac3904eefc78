package computeunit_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
)

var china = time.FixedZone("CST", 8*60*60)

func unmarshalRequest(t *testing.T, text string) computeunit.PurchaseComputeUnitRequest {
	t.Helper()
	var request computeunit.PurchaseComputeUnitRequest
	require.NoError(t, json.Unmarshal([]byte(text), &request))
	return request
}

// documentedForms are requests and the JSON that the API's page documents for them, the same in both directions.
var documentedForms = []struct {
	name    string
	request computeunit.PurchaseComputeUnitRequest
	json    string
}{
	{
		"the documented example",
		documentedRequest(),
		documentedBody,
	},
	{
		"prepaid with auto renew",
		computeunit.PurchaseComputeUnitRequest{ServiceID: "svco-1", Billing: computeunit.Prepaid(12).WithAutoRenew(6), ReplicasCount: 1},
		`{"serviceId":"svco-1","billing":{"paymentTiming":"Prepaid","reservation":{"reservationTimeUnit":"Month",
			"reservationLength":12,"autoRenew":true,"autoRenewTimeUnit":"Month","autoRenewTime":6}},"replicasCount":1}`,
	},
	{
		"prepaid with auto renew for the service's default time",
		computeunit.PurchaseComputeUnitRequest{ServiceID: "svco-1", Billing: computeunit.Prepaid(1).WithAutoRenew(0), ReplicasCount: 1},
		`{"serviceId":"svco-1","billing":{"paymentTiming":"Prepaid","reservation":{"reservationTimeUnit":"Month",
			"reservationLength":1,"autoRenew":true,"autoRenewTimeUnit":"Month"}},"replicasCount":1}`,
	},
	{
		"postpaid",
		computeunit.PurchaseComputeUnitRequest{ServiceID: "svco-1", Billing: computeunit.Postpaid(), ReplicasCount: 2},
		`{"serviceId":"svco-1","billing":{"paymentTiming":"Postpaid"},"replicasCount":2}`,
	},
	{
		"postpaid with a release time",
		computeunit.PurchaseComputeUnitRequest{
			ServiceID:     "svco-1",
			Billing:       computeunit.PostpaidUntil(time.Date(2030, 1, 25, 12, 30, 30, 0, china)),
			ReplicasCount: 2,
		},
		`{"serviceId":"svco-1","billing":{"paymentTiming":"Postpaid","releaseTime":"2030-01-25T12:30:30+08:00"},"replicasCount":2}`,
	},
	{
		"text that JSON has to escape",
		computeunit.PurchaseComputeUnitRequest{ServiceID: "svc\"\\\u0001服务", Billing: computeunit.Postpaid(), ReplicasCount: 1},
		`{"serviceId":"svc\"\\\u0001服务","billing":{"paymentTiming":"Postpaid"},"replicasCount":1}`,
	},
}

func TestARequestMarshalsToTheDocumentedJSONByteForByte(t *testing.T) {
	for _, form := range documentedForms {
		t.Run(form.name, func(t *testing.T) {
			assert.Equal(t, compact(t, form.json), marshal(t, form.request))
			assert.Equal(t, compact(t, form.json), marshal(t, &form.request), "through a pointer")
		})
	}
}

func TestARequestUnmarshalsFromTheDocumentedJSON(t *testing.T) {
	for _, form := range documentedForms {
		t.Run(form.name, func(t *testing.T) {
			got := unmarshalRequest(t, form.json)
			assert.True(t, form.request.Billing.ReleaseTime.Equal(got.Billing.ReleaseTime))
			got.Billing.ReleaseTime = form.request.Billing.ReleaseTime // the same moment in another *time.Location
			assert.Equal(t, form.request, got)
		})
	}
}

func TestReleaseTimeIsSentAsRFC3339WithWholeSecondsAndItsOffset(t *testing.T) {
	for _, test := range []struct {
		name string
		time time.Time
		sent string
	}{
		{"offset kept", time.Date(2030, 1, 25, 12, 30, 30, 0, china), "2030-01-25T12:30:30+08:00"},
		{"negative offset kept", time.Date(2030, 1, 25, 12, 30, 30, 0, time.FixedZone("", -9*3600-1800)), "2030-01-25T12:30:30-09:30"},
		{"UTC", time.Date(2030, 1, 25, 4, 30, 30, 0, time.UTC), "2030-01-25T04:30:30Z"},
		{"fraction dropped, not rounded", time.Date(2030, 1, 25, 12, 30, 30, 999_999_999, china), "2030-01-25T12:30:30+08:00"},
		{"odd seconds in the zone: UTC", time.Date(2030, 1, 25, 12, 30, 30, 0, time.FixedZone("LMT", 8*3600+5*60+43)), "2030-01-25T04:24:47Z"},
		{"odd seconds west of UTC", time.Date(2030, 1, 25, 12, 30, 30, 0, time.FixedZone("LMT", -(4*3600+56*60+2))), "2030-01-25T17:26:32Z"},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := `{"paymentTiming":"Postpaid","releaseTime":"` + test.sent + `"}`
			assert.Equal(t, want, marshal(t, computeunit.PostpaidUntil(test.time)))
		})
	}
}

// A zone of a day or more has no form in RFC 3339, whose hours of an offset end at 23.
func TestReleaseTimeInAZoneThatRFC3339CannotWriteIsSentAsTheSameMoment(t *testing.T) {
	for _, hours := range []int{24, 25, 100, -24, -25} {
		release := time.Date(2030, 1, 25, 12, 30, 30, 0, time.FixedZone("far", hours*3600))
		var wire struct{ ReleaseTime string }
		require.NoError(t, json.Unmarshal([]byte(marshal(t, computeunit.PostpaidUntil(release))), &wire))
		var read time.Time // UnmarshalText keeps to RFC 3339, Parse is more lenient
		assert.NoError(t, read.UnmarshalText([]byte(wire.ReleaseTime)), "zone of %d hours", hours)
		assert.True(t, release.Equal(read), "zone of %d hours: %s", hours, wire.ReleaseTime)
	}
}

func TestUnmarshallingReadsBothFormsOfReleaseTime(t *testing.T) {
	for _, test := range []struct {
		name, text string
		offset     int
	}{
		{"RFC 3339", "2030-01-25T12:30:30+08:00", 8 * 3600},
		{"RFC 3339 in UTC", "2030-01-25T04:30:30Z", 0},
		{"without a zone, as UTC+8", "2030-01-25 12:30:30", 8 * 3600},
	} {
		t.Run(test.name, func(t *testing.T) {
			var billing computeunit.Billing
			require.NoError(t, json.Unmarshal([]byte(`{"paymentTiming":"Postpaid","releaseTime":"`+test.text+`"}`), &billing))
			assert.True(t, billing.ReleaseTime.Equal(time.Date(2030, 1, 25, 12, 30, 30, 0, china)), "%s", billing.ReleaseTime)
			_, offset := billing.ReleaseTime.Zone()
			assert.Equal(t, test.offset, offset)
		})
	}
}

func TestUnmarshallingWithoutAReleaseTimeLeavesItZero(t *testing.T) {
	for _, text := range []string{`{"paymentTiming":"Postpaid"}`, `{"paymentTiming":"Postpaid","releaseTime":null}`} {
		var billing computeunit.Billing
		require.NoError(t, json.Unmarshal([]byte(text), &billing), text)
		assert.Equal(t, computeunit.Postpaid(), billing, text)
	}
}

func TestUnmarshallingReplacesTheWholeBilling(t *testing.T) {
	billing := computeunit.Prepaid(5).WithAutoRenew(1)
	billing.ReleaseTime = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	require.NoError(t, json.Unmarshal([]byte(`{"paymentTiming":"Postpaid"}`), &billing))
	assert.Equal(t, computeunit.Postpaid(), billing)
}

func TestAFailedUnmarshalLeavesTheBillingAsItWas(t *testing.T) {
	billing := computeunit.Prepaid(5)
	require.Error(t, json.Unmarshal([]byte(`{"paymentTiming":"Postpaid","releaseTime":"soon"}`), &billing))
	assert.Equal(t, computeunit.Prepaid(5), billing)
}

func TestUnmarshallingIgnoresUnknownFieldsOutsideBilling(t *testing.T) {
	got := unmarshalRequest(t, `{"serviceId":"svco-48esssdpa594","replicasCount":5,"clientToken":"x","tags":[{"a":1}],
		"billing":{"paymentTiming":"Prepaid",
			"reservation":{"reservationTimeUnit":"Month","reservationLength":5}}}`)
	assert.Equal(t, documentedRequest(), got)
}

func TestUnmarshallingAMalformedRequestFails(t *testing.T) {
	for name, text := range map[string]string{
		"cut off":                     `{"serviceId":"svco-1","billing":{`,
		"a list":                      `[]`,
		"serviceId is a number":       `{"serviceId":1}`,
		"replicasCount is text":       `{"replicasCount":"5"}`,
		"replicasCount is a fraction": `{"replicasCount":1.5}`,
		"replicasCount overflows":     `{"replicasCount":9223372036854775808}`,
		"billing is text":             `{"billing":"Prepaid"}`,
		"reservation is a list":       `{"billing":{"reservation":[]}}`,
		"reservationLength is text":   `{"billing":{"reservation":{"reservationLength":"5"}}}`,
		"autoRenew is a number":       `{"billing":{"reservation":{"autoRenew":1}}}`,
		"releaseTime is a number":     `{"billing":{"releaseTime":1893456000}}`,
		"releaseTime is no time":      `{"billing":{"releaseTime":"tomorrow"}}`,
		"releaseTime is only a date":  `{"billing":{"releaseTime":"2030-01-25"}}`,
		"releaseTime does not exist":  `{"billing":{"releaseTime":"2030-02-30 00:00:00"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			var request computeunit.PurchaseComputeUnitRequest
			assert.Error(t, json.Unmarshal([]byte(text), &request))
		})
	}
}

func TestParseReleaseTimeReadsBothDocumentedForms(t *testing.T) {
	moment := time.Date(2030, 1, 25, 12, 30, 30, 0, china)
	for _, text := range []string{"2030-01-25T12:30:30+08:00", "2030-01-25T04:30:30Z", "2030-01-24T23:30:30-05:00", "2030-01-25 12:30:30"} {
		got, err := computeunit.ParseReleaseTime(text)
		require.NoError(t, err, text)
		assert.True(t, moment.Equal(got), "%s: %s", text, got)
	}
}

func TestParseReleaseTimeReadsTheFormWithoutAZoneAsChinaStandardTimeWhereverItRuns(t *testing.T) {
	got, err := computeunit.ParseReleaseTime("2030-07-01 00:00:00")
	require.NoError(t, err)
	_, offset := got.Zone()
	assert.Equal(t, 8*60*60, offset)
	assert.Equal(t, "2030-06-30T16:00:00Z", got.UTC().Format(time.RFC3339))
}

func TestParseReleaseTimeKeepsTheOffsetThatWasWritten(t *testing.T) {
	got, err := computeunit.ParseReleaseTime("2030-01-25T12:30:30-09:30")
	require.NoError(t, err)
	assert.Equal(t, "2030-01-25T12:30:30-09:30", got.Format(time.RFC3339))
}

func TestParseReleaseTimeRefusesOtherFormsAndNamesTheTwo(t *testing.T) {
	for _, text := range []string{
		"", " ", "tomorrow", "2030-01-25", "12:30:30", "1893456000", "2030/01/25 12:30:30", "2030-01-25T12:30:30",
		"2030-01-25 12:30:30Z", "2030-01-25 12:30:30 +0800", "2030-13-01 00:00:00", "2030-02-29T00:00:00Z",
		"2030-01-25T25:00:00Z", "2030-01-25 12:30:60", "20300-01-25 12:30:30", "2030-01-25 12:30:30\n", "２０３０-01-25 12:30:30",
	} {
		got, err := computeunit.ParseReleaseTime(text)
		require.Error(t, err, "%q", text)
		assert.True(t, got.IsZero(), "%q", text)
		assert.ErrorContains(t, err, "2030-01-25T12:30:30+08:00")
		assert.ErrorContains(t, err, "2030-01-25 12:30:30")
	}
}

func TestParseReleaseTimeEscapesWhatItRepeats(t *testing.T) {
	_, err := computeunit.ParseReleaseTime("a\x1b[31m\nb")
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "\x1b")
	assert.NotContains(t, err.Error(), "\n")
}

// time.Parse reads offsets up to +24:60, which cannot be written back: what is accepted must be sendable.
func TestWhatParseReleaseTimeAcceptsCanBeSentAndReadBack(t *testing.T) {
	for _, text := range []string{
		"2030-01-25T12:30:30+23:59", "2030-01-25T12:30:30-23:59", "2030-01-25T12:30:30+24:00", "2030-01-25T12:30:30+24:60",
		"2030-01-25T12:30:30-24:60", "2030-01-25T12:30:30+00:60", "2030-01-25T12:30:30.999999999Z", "2030-01-25 12:30:30.5",
		"0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00Z",
	} {
		t.Run(text, func(t *testing.T) { assertSendableIfAccepted(t, text) })
	}
}

func assertSendableIfAccepted(t *testing.T, text string) {
	t.Helper()
	parsed, err := computeunit.ParseReleaseTime(text)
	if err != nil {
		assert.True(t, parsed.IsZero())
		return
	}
	sent, err := json.Marshal(computeunit.PostpaidUntil(parsed))
	require.NoError(t, err)
	var read computeunit.Billing
	err = json.Unmarshal(sent, &read)
	if parsed.Truncate(time.Second).IsZero() {
		require.Error(t, err, "the zero time is never taken for none")
		return
	}
	require.NoError(t, err, "%s", sent)
	assert.Equal(t, parsed.Unix(), read.ReleaseTime.Unix(), "%s", sent)
	assert.Zero(t, read.ReleaseTime.Nanosecond(), "%s", sent)
}

func FuzzParseReleaseTime(f *testing.F) {
	for _, seed := range []string{
		"2030-01-25T12:30:30+08:00", "2030-01-25 12:30:30", "2030-01-25T04:30:30Z", "2030-01-25T12:30:30.999999999-09:30",
		"2030-01-25 12:30:30,5", "0001-01-01T00:00:00Z", "9999-12-31 23:59:59", "0000-01-01T00:00:00+14:00", "", "2030-01-25",
		"2030-01-25T12:30:30+23:59", "\xff", "2030-02-30 00:00:00",
	} {
		f.Add(seed)
	}
	f.Fuzz(assertSendableIfAccepted)
}

func TestPrepaidReservesMonthsWithoutRenewing(t *testing.T) {
	assert.Equal(t, computeunit.Billing{
		PaymentTiming: computeunit.PaymentTimingPrepaid,
		Reservation:   computeunit.Reservation{ReservationTimeUnit: computeunit.TimeUnitMonth, ReservationLength: 5},
	}, computeunit.Prepaid(5))
}

func TestPostpaidHasNeitherReservationNorReleaseTime(t *testing.T) {
	assert.Equal(t, computeunit.Billing{PaymentTiming: computeunit.PaymentTimingPostpaid}, computeunit.Postpaid())
}

func TestPostpaidUntilKeepsTheReleaseTime(t *testing.T) {
	release := time.Date(2030, 1, 25, 12, 30, 30, 0, china)
	assert.Equal(t, computeunit.Billing{PaymentTiming: computeunit.PaymentTimingPostpaid, ReleaseTime: release}, computeunit.PostpaidUntil(release))
}

func TestWithAutoRenewRenewsForTheGivenMonths(t *testing.T) {
	assert.Equal(t, computeunit.Reservation{
		ReservationTimeUnit: computeunit.TimeUnitMonth,
		ReservationLength:   5,
		AutoRenew:           true,
		AutoRenewTimeUnit:   computeunit.TimeUnitMonth,
		AutoRenewTime:       3,
	}, computeunit.Prepaid(5).WithAutoRenew(3).Reservation)
}

func TestWithAutoRenewLeavesItsReceiverUntouched(t *testing.T) {
	original := computeunit.Prepaid(5)
	reservation := original.Reservation
	renewing := original.WithAutoRenew(3)
	assert.Equal(t, computeunit.Prepaid(5), original)
	assert.Equal(t, reservation, original.Reservation)
	assert.NotEqual(t, reservation, renewing.Reservation)
}

func TestWithAutoRenewAppliedTwiceKeepsBothResultsApart(t *testing.T) {
	base := computeunit.Prepaid(5)
	one, six := base.WithAutoRenew(1), base.WithAutoRenew(6)
	oneThenTwo := one.WithAutoRenew(2)
	assert.Equal(t, 1, one.Reservation.AutoRenewTime)
	assert.Equal(t, 6, six.Reservation.AutoRenewTime)
	assert.Equal(t, 2, oneThenTwo.Reservation.AutoRenewTime)
}

func TestWithAutoRenewOnPostpaidIsRefusedByValidate(t *testing.T) {
	postpaid := computeunit.Postpaid()
	request := documentedRequest()
	request.Billing = postpaid.WithAutoRenew(1)
	assert.Equal(t, []string{"billing.reservation"}, violatedPaths(t, request))
	assert.Zero(t, postpaid.Reservation)
}

// readsBilling decodes a billing by itself, inside a request, and inside one with a decoder that allows nothing unknown.
func readsBilling(t *testing.T, text string) error {
	t.Helper()
	var billing computeunit.Billing
	alone := json.Unmarshal([]byte(text), &billing)
	var request computeunit.PurchaseComputeUnitRequest
	inside := json.Unmarshal([]byte(`{"serviceId":"svco-1","billing":`+text+`}`), &request)
	decoder := json.NewDecoder(strings.NewReader(`{"serviceId":"svco-1","billing":` + text + `}`))
	decoder.DisallowUnknownFields()
	strictly := decoder.Decode(&request)
	assert.Equal(t, alone == nil, inside == nil, "%v, %v", alone, inside)
	assert.Equal(t, alone == nil, strictly == nil, "%v, %v", alone, strictly)
	return alone
}

// A misspelt field in a configuration would buy something else.
func TestAnUnknownFieldInsideBillingIsRefusedWhateverTheDecoderAllows(t *testing.T) {
	for field, text := range map[string]string{
		"releaseTimee":     `{"paymentTiming":"Postpaid","releaseTimee":"2030-01-25T12:30:30+08:00"}`,
		"release_time":     `{"paymentTiming":"Postpaid","release_time":"2030-01-25T12:30:30+08:00"}`,
		"autoRenw":         `{"paymentTiming":"Prepaid","reservation":{"reservationTimeUnit":"Month","reservationLength":1,"autoRenw":true}}`,
		"autoRenewalTime":  `{"paymentTiming":"Prepaid","reservation":{"reservationTimeUnit":"Month","reservationLength":1,"autoRenewalTime":3}}`,
		"reservations":     `{"paymentTiming":"Prepaid","reservations":{}}`,
		"payment":          `{"payment":"Prepaid"}`,
		"couponId":         `{"paymentTiming":"Postpaid","couponId":null}`,
		"":                 `{"paymentTiming":"Postpaid","":1}`,
		"replicasCount":    `{"paymentTiming":"Postpaid","replicasCount":1}`,
		"reservationUnit ": `{"reservation":{"reservationUnit ":"Month"}}`,
	} {
		t.Run(field, func(t *testing.T) {
			err := readsBilling(t, text)
			assert.ErrorContains(t, err, `unknown field "`+field+`"`)
		})
	}
}

func TestAFieldInsideBillingThatIsGivenTwiceIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"paymentTiming":     `{"paymentTiming":"Prepaid","paymentTiming":"Postpaid"}`,
		"PaymentTiming":     `{"paymentTiming":"Prepaid","PaymentTiming":"Prepaid"}`,
		"releaseTime":       `{"paymentTiming":"Postpaid","releaseTime":"2030-01-25T12:30:30+08:00","releaseTime":null}`,
		"reservation":       `{"reservation":{"reservationLength":1},"reservation":{"autoRenew":true}}`,
		"reservationLength": `{"reservation":{"reservationLength":1,"reservationLength":12}}`,
	} {
		t.Run(name, func(t *testing.T) {
			assert.ErrorContains(t, readsBilling(t, text), `"`+name+`" is given twice`)
		})
	}
}

// A service that decodes its users' requests, perhaps with another JSON package, must not hang on a malformed one.
func TestABillingThatIsNotJSONIsRefusedAtOnce(t *testing.T) {
	for _, text := range []string{"", "x", "[", "[1 2]", `{"reservation":[1 2]}`, `{"paymentTiming":[x]}`, strings.Repeat("[", 1<<20)} {
		var billing computeunit.Billing
		assert.Error(t, billing.UnmarshalJSON([]byte(text)))
	}
	var many strings.Builder
	many.WriteByte('{')
	for i := range 100_000 {
		fmt.Fprintf(&many, `"%d":0,`, i)
	}
	many.WriteString(`"paymentTiming":"Postpaid"}`)
	assert.ErrorContains(t, readsBilling(t, many.String()), "unknown field")
}

func TestACaseOfItsOwnIsReadAsJSONDoes(t *testing.T) {
	var billing computeunit.Billing
	require.NoError(t, json.Unmarshal([]byte(`{"PAYMENTTIMING":"Prepaid","Reservation":{"ReservationTimeUnit":"Month","reservationlength":1}}`), &billing))
	assert.Equal(t, computeunit.Prepaid(1), billing)
}

func TestNullIsANoOpOnABilling(t *testing.T) {
	billing := computeunit.Prepaid(5)
	require.NoError(t, json.Unmarshal([]byte(`null`), &billing))
	assert.Equal(t, computeunit.Prepaid(5), billing)
	request := documentedRequest()
	require.NoError(t, json.Unmarshal([]byte(`{"billing":null}`), &request))
	assert.Equal(t, documentedRequest(), request)
	require.NoError(t, billing.UnmarshalJSON([]byte(`null`)))
}

// Without a release time the units run, and cost, without end: one that was asked for is never taken for none.
func TestAReleaseTimeThatIsAskedForAndZeroIsRefused(t *testing.T) {
	for name, release := range map[string]string{
		"empty":                     ``,
		"blank":                     ` `,
		"year 1":                    `0001-01-01T00:00:00Z`,
		"year 1, with an offset":    `0001-01-01T08:00:00+08:00`,
		"year 0, with an offset":    `0000-12-31T16:00:00-08:00`,
		"year 1, without an offset": `0001-01-01 08:00:00`,
		"year 1, with a fraction":   `0001-01-01T00:00:00.000Z`,
	} {
		t.Run(name, func(t *testing.T) {
			assert.Error(t, readsBilling(t, `{"paymentTiming":"Postpaid","releaseTime":"`+release+`"}`))
		})
	}
	for name, release := range map[string]time.Time{
		"zero": {}, "zero in a zone": time.Time{}.In(china), "in its first second": time.Time{}.Add(time.Millisecond),
		"zero by its clock": time.Date(1, 1, 1, 0, 0, 0, 0, china), "unix 0": time.Unix(0, 0),
	} {
		t.Run("PostpaidUntil "+name, func(t *testing.T) {
			request := withBilling(computeunit.PostpaidUntil(release))
			found := violated(t, request)
			require.Len(t, found, 1)
			assert.Equal(t, "billing.releaseTime", found[0].Path)
			text := marshal(t, request)
			assert.Contains(t, text, "releaseTime", "it is not left out on its way through JSON")
			var read computeunit.PurchaseComputeUnitRequest
			if json.Unmarshal([]byte(text), &read) == nil {
				assert.NotEmpty(t, violated(t, read), "nor taken for none after it")
			}
		})
	}
}

func TestAReservationThatIsNotGivenIsNotSent(t *testing.T) {
	for text, want := range map[string]computeunit.Billing{
		`{"paymentTiming":"Prepaid"}`:                     {PaymentTiming: computeunit.PaymentTimingPrepaid},
		`{"paymentTiming":"Prepaid","reservation":null}`:  {PaymentTiming: computeunit.PaymentTimingPrepaid},
		`{"paymentTiming":"Postpaid","reservation":null}`: computeunit.Postpaid(),
	} {
		var billing computeunit.Billing
		require.NoError(t, json.Unmarshal([]byte(text), &billing), text)
		assert.Equal(t, want, billing)
		assert.NotContains(t, marshal(t, billing), "reservation")
	}
}
