package simulator

import (
	"strings"
	"time"
)

// The documented payment timings.
const (
	Prepaid  = "Prepaid"
	Postpaid = "Postpaid"
)

const month = "Month"

// purchase buys what the body says, unless a fault comes before the order.
func (s *Simulator) purchase(x *exchange) {
	order, refusal := readPurchase(x.body)
	if refusal != nil {
		x.refuse(refusal)
		return
	}
	fault := s.purchaseFault(order)
	if err := fault.Valid(); err != nil {
		x.refuse(invented(CodeInvalidFault, "%v", err))
		return
	}
	if refusal := s.hold(x, fault); refusal != nil {
		x.refuse(refusal)
		return
	}
	order.RequestID, order.ClientRequestID = x.requestID, x.r.Header.Get("X-Bce-Request-Id")
	order.AccessKeyID, order.CreatedAt = x.key.AccessKeyID, x.now
	order.InstanceID, order.OrderID = randomHex(12), randomHex(16)
	if fault.Kind == None || fault.When == AfterOrder {
		if refusal := s.ledger.place(order, fault.ListedAfter); refusal != nil {
			x.refuse(refusal)
			return
		}
	}
	fault.answer(x, purchaseBody(order))
}

func purchaseBody(order Order) []byte {
	return encode(purchaseAnswer{
		RequestID: order.RequestID,
		Result:    purchaseResult{InstanceID: order.InstanceID, OrderID: order.OrderID},
	})
}

// purchaseFault is what this purchase meets: an injected fault, or else what Config says.
func (s *Simulator) purchaseFault(order Order) Fault {
	attempt := s.ledger.count(s.ledger.purchases, order.ServiceID)
	if fault, waits := s.purchaseFaults.take(); waits {
		return fault
	}
	if s.config.Fault == nil {
		return Fault{}
	}
	return s.config.Fault(Purchase{
		ServiceID:     order.ServiceID,
		ReplicasCount: order.ReplicasCount,
		PaymentTiming: order.PaymentTiming,
		Attempt:       attempt,
	}).at(attempt)
}

// readPurchase checks the body by the documented rules. That the service refuses
// a blank serviceId, a replicasCount below 1, and a releaseTime with Prepaid, is
// invented: documented is that the first two are required and that the third has
// an effect only with Postpaid.
func readPurchase(body []byte) (Order, *Refusal) {
	reader := &bodyReader{}
	document := reader.document(body)
	order := Order{
		ServiceID:     serviceID(document),
		ReplicasCount: replicasCount(document),
	}
	document.need("billing")
	if reader.refusal == nil {
		readBilling(document.child("billing"), &order)
	}
	return order, reader.refusal
}

func serviceID(document object) string {
	id := document.text("serviceId")
	document.need("serviceId")
	if strings.TrimSpace(id) == "" {
		document.reader.refuse(invented(codeInappropriateJSON, "serviceId is blank"))
	}
	return id
}

func replicasCount(document object) int {
	count := document.number("replicasCount")
	document.need("replicasCount")
	if document.reader.refusal == nil && count < 1 {
		document.reader.refuse(invented(codeInappropriateJSON, "replicasCount is less than 1"))
	}
	return count
}

func readBilling(billing object, order *Order) {
	order.PaymentTiming = billing.oneOf("paymentTiming", Prepaid, Postpaid)
	if order.PaymentTiming == Postpaid {
		billing.check("reservation", !billing.has("reservation"), "is not for Postpaid")
		order.ReleaseTime = readReleaseTime(billing)
		return
	}
	if billing.has("releaseTime") {
		billing.reader.refuse(invented(codeInappropriateJSON, "billing.releaseTime is not for Prepaid"))
	}
	billing.need("reservation")
	if billing.reader.refusal == nil {
		readReservation(billing.child("reservation"), order)
	}
}

func readReservation(reservation object, order *Order) {
	reservation.oneOf("reservationTimeUnit", month)
	order.Months = reservation.between("reservationLength", 1, 12)
	order.AutoRenew = reservation.truth("autoRenew")
	if reservation.has("autoRenewTimeUnit") {
		reservation.oneOf("autoRenewTimeUnit", month)
	}
	if reservation.has("autoRenewTime") {
		reservation.between("autoRenewTime", 1, 6)
	}
}

// readReleaseTime takes both documented forms. It does not ask whether the time
// is to come: the earliest and the latest are not documented.
func readReleaseTime(billing object) string {
	text := billing.text("releaseTime")
	_, errRFC := time.Parse(time.RFC3339, text)
	_, errPlain := time.Parse(time.DateTime, text)
	right := !billing.has("releaseTime") || errRFC == nil || errPlain == nil
	billing.check("releaseTime", right, "is of neither documented form")
	return text
}
