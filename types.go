package computeunit

import (
	"encoding/json"
	"fmt"
	"time"
)

// PaymentTiming says when compute units are paid for. The zero value is not valid.
//
// Source: Baidu's page "购买算力单元实例", body field billing.paymentTiming.
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
// Source: "购买算力单元实例", fields reservationTimeUnit and autoRenewTimeUnit.
type TimeUnit string

// TimeUnitMonth is the only documented unit.
const TimeUnitMonth TimeUnit = "Month"

// PurchaseComputeUnitRequest is what to buy, for which service, and how to pay. The zero value is not valid:
// [PurchaseComputeUnitRequest.Validate] says what is missing. It marshals to exactly the documented JSON body.
//
// Source: "购买算力单元实例", request body.
type PurchaseComputeUnitRequest struct {
	// ServiceID is the deployed model service that the units are for, such as "svco-48esssdpa594".
	// Required. No format is documented, so none is checked beyond its being there.
	ServiceID string `json:"serviceId"`
	// Billing is how to pay. Required: use [Prepaid], [Postpaid] or [PostpaidUntil].
	Billing Billing `json:"billing"`
	// ReplicasCount is how many replicas to buy, at least 1. No upper bound is documented.
	ReplicasCount int `json:"replicasCount"`
}

// Billing is how a purchase is paid. Make one with [Prepaid], [Postpaid] or [PostpaidUntil].
//
// Source: "购买算力单元实例", object Billing.
type Billing struct {
	// PaymentTiming is required.
	PaymentTiming PaymentTiming
	// Reservation is required when prepaid, and must be nil when postpaid.
	Reservation *Reservation
	// ReleaseTime is when postpaid units are released. The zero time means: not given. It must be in the
	// future, and must not be given when prepaid. It is sent as RFC 3339 with its offset; a fraction of a
	// second is dropped. No earliest or latest release time is documented.
	ReleaseTime time.Time
}

// Reservation is the time that a prepaid purchase pays for, and what happens when it ends.
//
// Source: "购买算力单元实例", object Reservation.
type Reservation struct {
	// ReservationTimeUnit is required: [TimeUnitMonth].
	ReservationTimeUnit TimeUnit `json:"reservationTimeUnit"`
	// ReservationLength is required: 1 to 12 months.
	ReservationLength int `json:"reservationLength"`
	// AutoRenew renews the reservation when it ends. Default false.
	AutoRenew bool `json:"autoRenew,omitempty"`
	// AutoRenewTimeUnit is [TimeUnitMonth], or empty for the service's default, which is Month.
	// Only with AutoRenew.
	AutoRenewTimeUnit TimeUnit `json:"autoRenewTimeUnit,omitempty"`
	// AutoRenewTime is for how long each renewal is: 1 to 6 months, or 0 for the service's default, which is 1.
	// Only with AutoRenew.
	AutoRenewTime int `json:"autoRenewTime,omitempty"`
}

// PurchaseComputeUnitResponse is the answer to a purchase that the service says it made.
//
// Source: "购买算力单元实例", response body.
type PurchaseComputeUnitResponse struct {
	// RequestID is what Baidu's support asks for: the service's, or the one sent where the answer named none.
	RequestID string `json:"requestId"`
	// Result names what was bought.
	Result PurchaseResult `json:"result"`
}

// PurchaseResult names what was bought. At least one of the two ids is there.
type PurchaseResult struct {
	InstanceID string `json:"instanceId"`
	OrderID    string `json:"orderId"`
}

// Prepaid pays for a number of months in advance: 1 to 12. Other numbers fail in
// [PurchaseComputeUnitRequest.Validate]. It does not renew by itself: see [Billing.WithAutoRenew].
func Prepaid(months int) Billing {
	return Billing{
		PaymentTiming: PaymentTimingPrepaid,
		Reservation:   &Reservation{ReservationTimeUnit: TimeUnitMonth, ReservationLength: months},
	}
}

// WithAutoRenew returns a copy that renews itself, for a number of months each time: 1 to 6, or 0 for the
// service's default, which is 1. The receiver and its Reservation stay as they are. Only a prepaid Billing can
// renew: on any other the result fails in [PurchaseComputeUnitRequest.Validate].
func (b Billing) WithAutoRenew(months int) Billing {
	var reservation Reservation
	if b.Reservation != nil {
		reservation = *b.Reservation
	}
	reservation.AutoRenew = true
	reservation.AutoRenewTimeUnit = TimeUnitMonth
	reservation.AutoRenewTime = months
	b.Reservation = &reservation
	return b
}

// Postpaid pays for what was used, and names no time to release the units at: see [PostpaidUntil].
func Postpaid() Billing {
	return Billing{PaymentTiming: PaymentTimingPostpaid}
}

// PostpaidUntil pays for what was used, and has the service release the units at a time in the future.
// A zero time is the same as [Postpaid].
func PostpaidUntil(release time.Time) Billing {
	return Billing{PaymentTiming: PaymentTimingPostpaid, ReleaseTime: release}
}

// chinaStandardTime is our reading of a release time that names no zone.
var chinaStandardTime = time.FixedZone("UTC+8", 8*60*60)

// ParseReleaseTime reads a release time in either documented form: RFC 3339 ("2030-01-25T12:30:30+08:00"),
// or "2030-01-25 12:30:30". The documentation does not say which zone the second form is in. We read it as
// China Standard Time (UTC+8), because the documentation shows the two examples side by side. Give the offset
// where it matters. The error tells which forms are read.
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

// billingJSON is Billing as documented, where a release time is text.
type billingJSON struct {
	PaymentTiming PaymentTiming `json:"paymentTiming"`
	Reservation   *Reservation  `json:"reservation,omitempty"`
	ReleaseTime   string        `json:"releaseTime,omitempty"`
}

// requestJSON is PurchaseComputeUnitRequest for encoding/json to write in one go: it encodes what a MarshalJSON
// returns a second time.
type requestJSON struct {
	ServiceID     string      `json:"serviceId"`
	Billing       billingJSON `json:"billing"`
	ReplicasCount int         `json:"replicasCount"`
}

func (r PurchaseComputeUnitRequest) wire() requestJSON {
	return requestJSON{r.ServiceID, r.Billing.wire(), r.ReplicasCount}
}

func (b Billing) wire() billingJSON {
	wire := billingJSON{PaymentTiming: b.PaymentTiming, Reservation: b.Reservation}
	if !b.ReleaseTime.IsZero() {
		wire.ReleaseTime = formatReleaseTime(b.ReleaseTime)
	}
	return wire
}

// MarshalJSON writes exactly the documented JSON, the release time as RFC 3339 with whole seconds and an offset.
func (b Billing) MarshalJSON() ([]byte, error) { return json.Marshal(b.wire()) }

// UnmarshalJSON reads the documented JSON, the release time in either form: see [ParseReleaseTime].
func (b *Billing) UnmarshalJSON(data []byte) error {
	var wire billingJSON
	if err := json.Unmarshal(data, &wire); err != nil {
		return err
	}
	var release time.Time
	if wire.ReleaseTime != "" {
		var err error
		if release, err = ParseReleaseTime(wire.ReleaseTime); err != nil {
			return err
		}
	}
	*b = Billing{PaymentTiming: wire.PaymentTiming, Reservation: wire.Reservation, ReleaseTime: release}
	return nil
}
