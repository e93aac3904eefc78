package proof

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/proof/model"
)

// purchase is one call, what became of it on its way, and what its caller was told.
type purchase struct {
	serviceID string
	road      road
	fault     model.Fault
	reached   int  // how many of its requests came to the fault
	cancelled bool // the caller's context ended at a random moment
	response  *computeunit.PurchaseComputeUnitResponse
	err       error
}

// audit is what callers were told, held against the ledger.
type audit struct {
	bought, notPurchased, unknown         int
	double, hidden, claimed, wrongUnknown int
	vague                                 int // errFailed, but an order exists
	examples                              []string
}

func (a *audit) add(p purchase, orders []*model.Order) {
	if len(orders) > 1 {
		a.wrong(&a.double, p, orders)
	}
	notPurchased, unknown := errors.Is(p.err, computeunit.ErrNotPurchased), errors.Is(p.err, computeunit.ErrOutcomeUnknown)
	switch {
	case p.err == nil:
		a.bought++
		if !p.backedBy(orders) {
			a.wrong(&a.claimed, p, orders)
		}
	case notPurchased && !unknown:
		a.notPurchased++
		if len(orders) > 0 || p.mustNotKnow() {
			a.wrong(&a.hidden, p, orders)
		}
	case unknown && !notPurchased:
		a.unknown++
		if p.isDefinite() {
			a.wrong(&a.wrongUnknown, p, orders)
		}
	case p.err == errFailed:
		if len(orders) > 0 {
			a.vague++
		}
	default: // neither or both
		a.wrong(&a.claimed, p, orders)
	}
}

// backedBy reports whether an order has the ids that the caller was told.
func (p *purchase) backedBy(orders []*model.Order) bool {
	told := p.response.Result
	return told != (computeunit.PurchaseResult{}) &&
		slices.ContainsFunc(orders, func(o *model.Order) bool { return o.Is(told.InstanceID, told.OrderID) })
}

// mustNotKnow reports whether a caller was told too much. A fault that comes after an order is not met if the service makes none,
// because the signature has expired.
func (p *purchase) mustNotKnow() bool {
	return p.reached > 0 && p.fault.Want == computeunit.ErrOutcomeUnknown && !p.fault.Orders
}

// isDefinite reports whether an honest client had to know: nothing ended the call early, and what it met was clear.
func (p *purchase) isDefinite() bool {
	if p.cancelled || p.road.vague || errors.Is(p.err, context.DeadlineExceeded) {
		return false
	}
	var failed *computeunit.OutcomeError
	if errors.As(p.err, &failed) && p.road.closes && failed.Attempts > p.reached {
		return false
	}
	return p.reached == 0 || p.fault.Want != computeunit.ErrOutcomeUnknown
}

func (a *audit) wrong(count *int, p purchase, orders []*model.Order) {
	*count++
	if len(a.examples) < 10 {
		a.examples = append(a.examples, fmt.Sprintf("%s (%s: %s, want %v, reached: %d): %d orders, told %v",
			p.serviceID, p.road.name, p.fault.Name, p.fault.Want, p.reached, len(orders), p.err))
	}
}

func (a *audit) String() string {
	return fmt.Sprintf("| told | purchases |\n|---|---|\n| bought | %d |\n| not purchased | %d |\n| unknown | %d |\n\n"+
		"| wrong | count |\n|---|---|\n| double orders | %d |\n| orders hidden behind not purchased | %d |\n"+
		"| purchases claimed that no order backs | %d |\n| definite answers called unknown | %d |",
		a.bought, a.notPurchased, a.unknown, a.double, a.hidden, a.claimed, a.wrongUnknown)
}
