package computeunittest

import (
	"cmp"
	"time"

	"github.com/qianfan-go/computeunit"
)

const month = "Month"

// purchaseBody is the body of a purchase.
type purchaseBody struct {
	ServiceID     string
	ReplicasCount int
	Billing       struct {
		PaymentTiming computeunit.PaymentTiming
		ReleaseTime   string
		Reservation   *struct {
			ReservationTimeUnit string
			ReservationLength   int
			AutoRenew           bool
			AutoRenewTimeUnit   *string
			AutoRenewTime       *int
		}
	}
}

// purchase buys what the body says, unless a fault comes before the order.
func (s *Server) purchase(x *exchange) *refusal {
	var body purchaseBody
	if refusal := cmp.Or(x.decode(&body), body.check()); refusal != nil {
		return refusal
	}
	order := Order{
		OrderID: x.orderID, InstanceID: x.instanceID, RequestID: x.requestID, ClientRequestID: x.r.Header.Get(headerRequestID),
		AccessKeyID: x.key.AccessKeyID, ServiceID: body.ServiceID, PaymentTiming: body.Billing.PaymentTiming,
		ReplicasCount: body.ReplicasCount, ReleaseTime: body.Billing.ReleaseTime, CreatedAt: x.now,
	}
	if reservation := body.Billing.Reservation; reservation != nil {
		order.Months, order.AutoRenew = reservation.ReservationLength, reservation.AutoRenew
	}
	fault := s.purchases.next(order.ServiceID, func(attempt int) Fault {
		return s.settings.purchaseFault(Purchase{order.ServiceID, order.PaymentTiming, order.ReplicasCount, attempt})
	})
	result := map[string]string{"instanceId": x.instanceID, "orderId": x.orderID}
	return x.perform(fault, result, func() *refusal { return s.ledger.place(order) })
}

// check is the documented rules. That the service refuses a replicasCount below 1, and a releaseTime with Prepaid, is
// invented: documented is that the one is required, and that the other has an effect only with Postpaid.
func (b *purchaseBody) check() *refusal {
	reservation := b.Billing.Reservation
	switch {
	case isBlank(b.ServiceID):
		return wrong("serviceId is required")
	case b.ReplicasCount < 1:
		return invented(codeInappropriateJSON, "replicasCount is less than 1")
	case b.Billing.PaymentTiming == computeunit.PaymentTimingPostpaid:
		return b.checkPostpaid()
	case b.Billing.PaymentTiming != computeunit.PaymentTimingPrepaid:
		return wrong("billing.paymentTiming is neither Prepaid nor Postpaid")
	case b.Billing.ReleaseTime != "":
		return invented(codeInappropriateJSON, "billing.releaseTime is not for Prepaid")
	case reservation == nil:
		return wrong("billing.reservation is required")
	case reservation.ReservationTimeUnit != month, reservation.AutoRenewTimeUnit != nil && *reservation.AutoRenewTimeUnit != month:
		return wrong("a time unit of billing.reservation is not Month")
	case reservation.ReservationLength < 1 || reservation.ReservationLength > 12:
		return wrong("billing.reservation.reservationLength is not from 1 to 12")
	case reservation.AutoRenewTime != nil && (*reservation.AutoRenewTime < 1 || *reservation.AutoRenewTime > 6):
		return wrong("billing.reservation.autoRenewTime is not from 1 to 6")
	}
	return nil
}

// checkPostpaid takes both documented forms of releaseTime. The earliest and the latest time are not documented.
func (b *purchaseBody) checkPostpaid() *refusal {
	_, errRFC := time.Parse(time.RFC3339, b.Billing.ReleaseTime)
	_, errPlain := time.Parse(time.DateTime, b.Billing.ReleaseTime)
	switch {
	case b.Billing.Reservation != nil:
		return wrong("billing.reservation is not for Postpaid")
	case b.Billing.ReleaseTime != "" && errRFC != nil && errPlain != nil:
		return wrong("billing.releaseTime is of neither documented form")
	}
	return nil
}
