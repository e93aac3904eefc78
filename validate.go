package computeunit

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The documented ranges. Source: https://cloud.baidu.com/doc/qianfan-api/s/Fmo6ws0f8 (object Reservation)
const (
	maxReservationMonths = 12
	maxAutoRenewMonths   = 6
)

// Validate checks the documented rules, and only those, without sending anything. It returns nil or a
// [*ValidationError] that lists every violation. [Client.PurchaseComputeUnit] calls it first.
func (r PurchaseComputeUnitRequest) Validate() error {
	var v violations
	v.checkServiceID(r.ServiceID)
	v.checkNumber(r.ReplicasCount >= 1, "replicasCount", "must be at least 1", r.ReplicasCount)
	v.checkBilling(r.Billing)
	return v.err()
}

// Validate checks the documented rules, without sending anything. It returns nil or a [*ValidationError].
func (r DescribeComputeUnitsRequest) Validate() error {
	var v violations
	v.checkServiceID(r.ServiceID)
	switch r.PaymentTiming {
	case "", PaymentTimingPrepaid, PaymentTimingPostpaid:
	default:
		v.checkText(false, "paymentTiming", "must be Prepaid, Postpaid, or not given", string(r.PaymentTiming))
	}
	return v.err()
}

// violations collects every broken rule, so that a caller can fix them all at once.
type violations []Violation

func (v *violations) check(holds bool, path, rule, value string) {
	if !holds {
		*v = append(*v, Violation{Path: path, Rule: rule, Value: value})
	}
}

// checkText and checkNumber write the value only where it is needed.
func (v *violations) checkText(holds bool, path, rule, value string) {
	if !holds {
		v.check(false, path, rule, strconv.Quote(value))
	}
}

func (v *violations) checkNumber(holds bool, path, rule string, value int) {
	if !holds {
		v.check(false, path, rule, strconv.Itoa(value))
	}
}

func (v violations) err() error {
	if len(v) == 0 {
		return nil
	}
	return &ValidationError{Violations: v}
}

// checkServiceID refuses bytes that JSON would silently replace: they would name another service.
func (v *violations) checkServiceID(id string) {
	if strings.TrimSpace(id) == "" {
		v.checkText(false, "serviceId", "must not be blank", id)
	} else if !utf8.ValidString(id) {
		v.checkText(false, "serviceId", "must be valid UTF-8", id)
	}
}

// checkBilling checks what is given even where the payment timing is wrong: to list everything at once.
func (v *violations) checkBilling(b Billing) {
	switch b.PaymentTiming {
	case PaymentTimingPrepaid:
		v.check(b.Reservation != (Reservation{}), "billing.reservation", "is required when paymentTiming is Prepaid", "none")
		v.checkReservation(b.Reservation)
		if !b.ReleaseTime.IsZero() {
			v.check(false, "billing.releaseTime", "must not be given when paymentTiming is Prepaid", formatReleaseTime(b.ReleaseTime))
		}
	case PaymentTimingPostpaid:
		v.checkNoReservation(b.Reservation)
		v.checkReleaseTime(b.ReleaseTime)
	default:
		v.checkText(false, "billing.paymentTiming", "must be Prepaid or Postpaid", string(b.PaymentTiming))
		v.checkReservation(b.Reservation)
		v.checkReleaseTime(b.ReleaseTime)
	}
}

func (v *violations) checkNoReservation(r Reservation) {
	if r != (Reservation{}) {
		text, _ := json.Marshal(r) // texts and numbers: it cannot fail
		v.check(false, "billing.reservation", "must not be given when paymentTiming is Postpaid", string(text))
	}
}

// checkReleaseTime looks at what would be sent: whole seconds, in a year of four digits.
func (v *violations) checkReleaseTime(t time.Time) {
	if t.IsZero() {
		return
	}
	text := formatReleaseTime(t)
	sent, err := time.Parse(time.RFC3339, text)
	v.check(err == nil, "billing.releaseTime", "must fit RFC 3339, whose years have four digits", text)
	v.check(err != nil || sent.After(time.Now()), "billing.releaseTime", "must be in the future", text)
}

func (v *violations) checkReservation(r Reservation) {
	if r == (Reservation{}) {
		return
	}
	v.checkText(r.ReservationTimeUnit == TimeUnitMonth, "billing.reservation.reservationTimeUnit",
		"must be Month", string(r.ReservationTimeUnit))
	v.checkNumber(r.ReservationLength >= 1 && r.ReservationLength <= maxReservationMonths,
		"billing.reservation.reservationLength", "must be 1 to 12", r.ReservationLength)
	v.checkAutoRenew(r)
}

// checkAutoRenew refuses a renewal time without autoRenew: that caller believes it renews, and it would not.
func (v *violations) checkAutoRenew(r Reservation) {
	unit, length := string(r.AutoRenewTimeUnit), r.AutoRenewTime
	const (
		unitPath   = "billing.reservation.autoRenewTimeUnit"
		lengthPath = "billing.reservation.autoRenewTime"
		needsRenew = "must not be given unless autoRenew is true"
	)
	v.checkText(r.AutoRenew || unit == "", unitPath, needsRenew, unit)
	v.checkText(unit == "" || r.AutoRenewTimeUnit == TimeUnitMonth, unitPath, "must be Month, or not given", unit)
	v.checkNumber(r.AutoRenew || length == 0, lengthPath, needsRenew, length)
	v.checkNumber(length >= 0 && length <= maxAutoRenewMonths, lengthPath, "must be 1 to 6, or 0 for not given", length)
}
