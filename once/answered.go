package once

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/qianfan-go/computeunit"
)

// answered writes an answer with an id over whatever the record says (rule 7), and returns the purchase. It has no error:
// the answer is true whether or not it can be written.
func (b *Buyer) answered(ctx context.Context, r record, response computeunit.PurchaseComputeUnitResponse, requestID string) record {
	order := Order{InstanceID: response.Result.InstanceID, OrderID: response.Result.OrderID, RequestID: requestID}
	written, err := b.writeAnswer(ctx, r, order)
	if err != nil {
		r.InstanceID, r.OrderID, r.RequestID = order.InstanceID, order.OrderID, order.RequestID
		r.State, r.Evidence = StateBought, EvidenceAnswer
		b.log(ctx, slog.LevelError, "bought, but the journal can't be written; a listing or a person has to settle it", r, err)
		return r
	}
	if len(written.Others) > 0 {
		b.log(ctx, slog.LevelError, "bought twice", written, fmt.Errorf("the service named further orders for the key: %+v", written.Others))
	}
	b.log(ctx, slog.LevelInfo, "bought", written, nil)
	return written
}

func (b *Buyer) writeAnswer(ctx context.Context, r record, order Order) (record, error) {
	request, park := r.Request, false
	const tries = 3 // each frees what a constraint is about
	for try := 1; ; try++ {
		written, err := b.write(ctx, r, func(next *record) error {
			if next.version == "" {
				next.Request = request
			}
			if park {
				next.service = parked(next.Key)
			}
			return next.answer(order)
		})
		if !errors.Is(err, errTaken) || try == tries {
			return written, err
		}
		owners, err := b.ownersOf(ctx, order.InstanceID)
		if err != nil {
			return r, err
		}
		if owner, owned := owners[order.InstanceID]; owned {
			err = b.disown(ctx, owner, order.InstanceID)
		}
		if err != nil {
			return r, err
		}
		park = len(owners) == 0
		r = written
	}
}

func (b *Buyer) ownersOf(ctx context.Context, instanceID string) (map[string]string, error) {
	if instanceID == "" {
		return nil, nil
	}
	ctx, cancel := journalContext(ctx)
	defer cancel()
	return b.store.Owners(ctx, []string{instanceID})
}

// answer takes an order into a purchase. Two for one key are both kept, and returned as one: the first.
func (p *Purchase) answer(order Order) error {
	if p.Evidence == EvidenceAnswer && p.State == StateBought && !p.sameOrder(order) {
		p.Others = append(p.Others[:len(p.Others):len(p.Others)], order)
		return nil
	}
	switch {
	case !p.agrees(order): // a listing or a person was wrong
		p.InstanceID, p.OrderID, p.NamedBy = "", "", ""
	case order.InstanceID != "":
		p.NamedBy = ""
	case p.InstanceID != "" && p.Evidence != EvidenceAnswer:
		p.NamedBy = p.Evidence
	}
	candidates := p.Candidates
	if err := p.apply(answer); err != nil {
		return err
	}
	p.keepLag(order.InstanceID, candidates)
	p.InstanceID, p.OrderID = cmp.Or(order.InstanceID, p.InstanceID), cmp.Or(order.OrderID, p.OrderID)
	p.RequestID, p.Refusal = order.RequestID, ""
	p.forget()
	return nil
}

// sameOrder reports whether an answer is the one that the purchase has already.
func (p *Purchase) sameOrder(order Order) bool {
	return p.RequestID == order.RequestID && p.agrees(order)
}

// agrees reports whether no id contradicts the purchase's: an answer may name the order alone, and a listing names no order.
func (p *Purchase) agrees(order Order) bool {
	agree := func(a, b string) bool { return a == "" || b == "" || a == b }
	return agree(p.InstanceID, order.InstanceID) && agree(p.OrderID, order.OrderID)
}

// disown takes an instance from a purchase that only a listing or a person gave it: an answer names it for another key.
// That purchase is open again, and still bought if its order was known without the instance. Its service may be closed by
// another one now, so it does not wait for it here: see regain.
func (b *Buyer) disown(ctx context.Context, key, instanceID string) error {
	ctx, cancel := journalContext(ctx)
	defer cancel()
	r, err := b.read(ctx, key)
	if err != nil {
		return err
	}
	r, err = b.write(ctx, r, func(next *record) error {
		if next.InstanceID != instanceID {
			return errLost
		}
		if next.Evidence == EvidenceAnswer && next.NamedBy == "" {
			return fmt.Errorf("two answers name instance %q, the other for key %q", instanceID, key)
		}
		if err := next.disowned(); err != nil {
			return err
		}
		next.service = parked(key)
		return nil
	})
	if errors.Is(err, errLost) {
		return nil
	}
	if err == nil {
		b.log(ctx, slog.LevelError, "opened again: its instance is another key's", r, nil)
	}
	return err
}

func (p *Purchase) disowned() error {
	if p.NamedBy != "" {
		err := p.apply(unname)
		p.InstanceID, p.NamedBy, p.ListedWithin = "", "", 0
		return err
	}
	err := p.apply(disown)
	p.InstanceID, p.OrderID, p.Unknown, p.ListedWithin = "", "", true, 0
	return err
}
