package computeunit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// PaymentTiming says when compute units are paid for. The zero value is not valid.
//
// Source: https://cloud.baidu.com/doc/qianfan-api/s/Fmo6ws0f8 (body field billing.paymentTiming)
type PaymentTiming string

// The documented payment timings.
const (
	// PaymentTimingPrepaid buys a fixed number of months in advance (预付费). It needs a [Reservation].
	PaymentTimingPrepaid PaymentTiming = "Prepaid"
	// PaymentTimingPostpaid pays for what was used (后付费). It takes no [Reservation].
	PaymentTimingPostpaid PaymentTiming = "Postpaid"
)

// TimeUnit is the unit that a [Reservation] counts in. The zero value means: not given.
//
// Source: https://cloud.baidu.com/doc/qianfan-api/s/Fmo6ws0f8 (fields reservationTimeUnit and autoRenewTimeUnit)
type TimeUnit string

// TimeUnitMonth is the only documented unit.
const TimeUnitMonth TimeUnit = "Month"

// PurchaseComputeUnitRequest is what to buy, for which service, and how to pay. The zero value is not valid:
// [PurchaseComputeUnitRequest.Validate] says what is missing. It marshals to exactly the documented JSON body.
//
// Source: https://cloud.baidu.com/doc/qianfan-api/s/Fmo6ws0f8 (request body)
type PurchaseComputeUnitRequest struct {
	// ServiceID is the deployed model service that the units are for, such as "svco-48esssdpa594".
	// Required. No format is documented, so none is checked beyond its being there.
	ServiceID string `json:"serviceId"`
	// Billing is how to pay. Required: use [Prepaid], [Postpaid] or [PostpaidUntil].
	Billing Billing `json:"billing"`
	// ReplicasCount is how many replicas to buy, at least 1. No upper bound is documented.
	ReplicasCount int `json:"replicasCount"`
}

// Billing is how a purchase is paid. Make one with [Prepaid], [Postpaid] or [PostpaidUntil]. It is a plain value: a copy
// shares nothing with it.
//
// Source: https://cloud.baidu.com/doc/qianfan-api/s/Fmo6ws0f8 (object Billing)
type Billing struct {
	// PaymentTiming is required.
	PaymentTiming PaymentTiming
	// Reservation is required when prepaid, and must not be given when postpaid. The zero Reservation means: not given.
	Reservation Reservation
	// ReleaseTime is when postpaid units are released. The zero time means: not given, and the units run, and cost, until
	// they are released by hand; so ask for a time that may be zero by mistake with [PostpaidUntil], which refuses it. It must
	// be in the future, and must not be given when prepaid. It is sent as RFC 3339 with its offset; a fraction of a second is
	// dropped. No earliest or latest release time is documented.
	ReleaseTime time.Time
}

// Reservation is the time that a prepaid purchase pays for, and what happens when it ends.
//
// Source: https://cloud.baidu.com/doc/qianfan-api/s/Fmo6ws0f8 (object Reservation)
type Reservation struct {
	// ReservationTimeUnit is required: [TimeUnitMonth].
	ReservationTimeUnit TimeUnit `json:"reservationTimeUnit"`
	// ReservationLength is required: 1 to 12 months.
	ReservationLength int `json:"reservationLength"`
	// AutoRenew renews the reservation when it ends. Default false.
	AutoRenew bool `json:"autoRenew,omitzero"`
	// AutoRenewTimeUnit is [TimeUnitMonth], or empty for the service's default, which is Month.
	// Only with AutoRenew.
	AutoRenewTimeUnit TimeUnit `json:"autoRenewTimeUnit,omitzero"`
	// AutoRenewTime is for how long each renewal is: 1 to 6 months, or 0 for the service's default, which is 1.
	// Only with AutoRenew.
	AutoRenewTime int `json:"autoRenewTime,omitzero"`
}

// PurchaseComputeUnitResponse is the response to a purchase that the service says it made.
//
// Source: https://cloud.baidu.com/doc/qianfan-api/s/Fmo6ws0f8 (response body)
type PurchaseComputeUnitResponse struct {
	// RequestID is what Baidu's support asks for: the service's, or the one that was sent if the response named none.
	RequestID string `json:"requestId"`
	// Result names what was bought.
	Result PurchaseResult `json:"result"`
}

// PurchaseResult names what was bought. At least one of the two ids is there.
type PurchaseResult struct {
	InstanceID string `json:"instanceId"`
	OrderID    string `json:"orderId"`
}

// Prepaid pays for a number of months in advance: 1 to 12. Other numbers fail in [PurchaseComputeUnitRequest.Validate]. It
// does not renew by itself: see [Billing.WithAutoRenew].
func Prepaid(months int) Billing {
	return Billing{
		PaymentTiming: PaymentTimingPrepaid,
		Reservation:   Reservation{ReservationTimeUnit: TimeUnitMonth, ReservationLength: months},
	}
}

// WithAutoRenew returns a copy that renews itself, for a number of months each time: 1 to 6, or 0 for the service's default,
// which is 1. Only a prepaid Billing can renew: any other then fails in [PurchaseComputeUnitRequest.Validate].
func (b Billing) WithAutoRenew(months int) Billing {
	b.Reservation.AutoRenew = true
	b.Reservation.AutoRenewTimeUnit = TimeUnitMonth
	b.Reservation.AutoRenewTime = months
	return b
}

// Postpaid pays for what was used, and names no time to release the units at: they run, and cost, until they are released by
// hand. See [PostpaidUntil].
func Postpaid() Billing {
	return Billing{PaymentTiming: PaymentTimingPostpaid}
}

// PostpaidUntil pays for what was used, and has the service release the units at a time in the future. Other times fail in
// [PurchaseComputeUnitRequest.Validate], the zero time too: without a release time the units would run without end.
func PostpaidUntil(release time.Time) Billing {
	if release.IsZero() {
		release = longAgo
	}
	return Billing{PaymentTiming: PaymentTimingPostpaid, ReleaseTime: release}
}

// longAgo stands for a release time that was asked for and is zero, so that it is refused and not taken for none.
var longAgo = time.Time{}.Add(time.Nanosecond)

// chinaStandardTime is our reading of a release time that names no zone.
var chinaStandardTime = time.FixedZone("UTC+8", 8*60*60)

// ParseReleaseTime reads a release time in either documented form: RFC 3339 ("2030-01-25T12:30:30+08:00"),
// or "2030-01-25 12:30:30". The documentation does not say which zone the second form is in. We read it as
// China Standard Time (UTC+8), because the documentation shows the two examples side by side. Give the offset
// if it matters. The error names the forms that are read.
func ParseReleaseTime(value string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, value); err == nil {
		return t, nil
	}
	t, err := time.ParseInLocation(time.DateTime, value, chinaStandardTime)
	if err != nil {
		return time.Time{}, fmt.Errorf("computeunit: release time %q is neither RFC 3339, like 2030-01-25T12:30:30+08:00, "+
			"nor like 2030-01-25 12:30:30: %w", value, err)
	}
	return t, nil
}

// formatReleaseTime writes whole seconds with an offset. RFC 3339 has no seconds in an offset (some zones had,
// long ago) and none of a day or more, and would then name another moment: such a time goes out in UTC.
func formatReleaseTime(t time.Time) string {
	const day = 24 * 60 * 60
	if _, offset := t.Zone(); offset%60 != 0 || offset <= -day || offset >= day {
		t = t.UTC()
	}
	return t.Format(time.RFC3339)
}

// billingJSON is Billing as documented, with a release time as text.
type billingJSON struct {
	PaymentTiming PaymentTiming `json:"paymentTiming"`
	Reservation   Reservation   `json:"reservation,omitzero"`
	ReleaseTime   *string       `json:"releaseTime,omitzero"`
}

// MarshalJSON writes exactly the documented JSON, the release time as RFC 3339 with whole seconds and an offset.
func (b Billing) MarshalJSON() ([]byte, error) {
	wire := billingJSON{PaymentTiming: b.PaymentTiming, Reservation: b.Reservation}
	if !b.ReleaseTime.IsZero() {
		release := formatReleaseTime(b.ReleaseTime)
		wire.ReleaseTime = &release
	}
	return json.Marshal(wire)
}

// UnmarshalJSON reads the documented JSON, the release time in either form: see [ParseReleaseTime]. A field that is not
// documented is an error, whatever the caller's decoder allows: a misspelt one would buy something else. So is a release time
// that is given and zero or empty. Null changes nothing.
func (b *Billing) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	var wire billingJSON
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&wire); err != nil {
		return fmt.Errorf("computeunit: billing: %w", err)
	}
	read := Billing{PaymentTiming: wire.PaymentTiming, Reservation: wire.Reservation}
	if wire.ReleaseTime != nil {
		var err error
		if read.ReleaseTime, err = ParseReleaseTime(*wire.ReleaseTime); err != nil {
			return err
		}
		if read.ReleaseTime.IsZero() {
			return fmt.Errorf("computeunit: release time %q is the zero time: leave it out if the units are to run without end", *wire.ReleaseTime)
		}
	}
	*b = read
	return nil
}

// DescribeComputeUnitsRequest asks what a service has.
//
// Source: https://cloud.baidu.com/doc/qianfan-api/s/9mwbl2jxf (request body)
type DescribeComputeUnitsRequest struct {
	// ServiceID is the service to list. Required.
	ServiceID string `json:"serviceId"`
	// PaymentTiming lists only instances that are paid this way. The zero value lists all that are in use.
	PaymentTiming PaymentTiming `json:"paymentTiming,omitzero"`
}

// DescribeComputeUnitsResponse lists what a service had at one moment. It is plain JSON, and keeps there what was asked and
// when. Fields that Baidu adds are ignored.
//
// Source: https://cloud.baidu.com/doc/qianfan-api/s/9mwbl2jxf (response body)
type DescribeComputeUnitsResponse struct {
	// RequestID is what Baidu's support asks for.
	RequestID string `json:"requestId"`
	// ServiceID and PaymentTiming are what was asked for; an empty PaymentTiming lists all.
	ServiceID     string        `json:"serviceId"`
	PaymentTiming PaymentTiming `json:"paymentTiming,omitzero"`
	// Date is the response's Date header, in whole seconds: the service's clock. The zero time if there was none.
	Date time.Time `json:"date,omitzero"`
	// Result has the instances.
	Result DescribeResult `json:"result"`
}

// DescribeResult is the list itself. No paging is documented.
type DescribeResult struct {
	// Instances is empty, and not nil, if the service has none.
	Instances []Instance `json:"instances"`
}

// ReleaseComputeUnitRequest names the instance to release.
//
// Source: https://cloud.baidu.com/doc/qianfan-api/s/2mo6wlr6u (request body)
type ReleaseComputeUnitRequest struct {
	// ServiceID is the service that the instance is of. Required.
	ServiceID string `json:"serviceId"`
	// InstanceID is the instance, which must be postpaid. Required.
	InstanceID string `json:"instanceId"`
}

// Instance is one compute unit instance. A listing is not decoded into it but by instances.go, which tolerates other types:
// a new field needs a line there.
//
// Source: https://cloud.baidu.com/doc/qianfan-api/s/9mwbl2jxf (result.instances)
type Instance struct {
	// InstanceID is never empty.
	InstanceID string `json:"instanceId"`
	// PaymentTiming and ReplicasCount are zero if the service gave none that could be read.
	PaymentTiming PaymentTiming `json:"paymentTiming"`
	ReplicasCount int           `json:"replicasCount"`
	// Status is an open set. The numbers of an older page are read as their names.
	Status InstanceStatus `json:"status"`
	// StartTime is as the service wrote it: its format is not documented. Empty while Creating.
	StartTime string `json:"startTime"`
}

// InstanceStatus is an open set: a value that is none of the constants is one that Baidu has not documented here.
type InstanceStatus string

// The documented statuses.
const (
	InstanceCreating InstanceStatus = "Creating"
	InstanceRunning  InstanceStatus = "Running"
	InstanceDeleted  InstanceStatus = "Deleted" // expired
)
