package fleet

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"

	"github.com/qianfan-go/computeunit/internal/proof/model"
	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/store"
)

// An operator looks after what is open, from a process that nobody kills, and knows the bill, which is the ledger: what is
// open for long is resolved by the truth.
type operator struct {
	buyer   *once.Buyer
	pool    *sql.DB
	journal *store.SQL // to see what is open without looking after it, which takes its time
	fleet   *fleet
	turn    int
}

// openForLong is when listings had their time.
const openForLong = 6 * time.Second

// work goes on until stop is closed: one hand settles what listings show, the other resolves.
func (o *operator) work(stop chan struct{}) {
	var both sync.WaitGroup
	for _, work := range []func(){o.settle, func() { o.round() }} {
		both.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(500 * time.Millisecond):
					work()
				}
			}
		})
	}
	both.Wait()
}

// settle is a cron job: each has a Buyer of its own.
func (o *operator) settle() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	buyer, err := o.fleet.here.buyer(o.pool)
	o.fleet.must(err)
	_, _ = buyer.Settle(ctx)
}

// round resolves what is open for long, and returns how many purchases are open.
func (o *operator) round() int {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	open, err := o.journal.Find(ctx, store.OpenService)
	if err != nil {
		return 1 // it could not look
	}
	var long []once.Purchase
	for _, row := range open {
		p, found, err := o.buyer.Lookup(ctx, row.Key)
		if err != nil || !found || p.State == once.StatePreparing {
			continue
		}
		if time.Since(p.Since) > openForLong {
			long = append(long, p)
		} else if o.turn++; o.turn%20 == 0 {
			o.tryTooEarly(ctx, p)
		}
	}
	o.resolve(ctx, long)
	return len(open)
}

// resolve says what the bill says. Half of what is bought is left to the listings.
func (o *operator) resolve(ctx context.Context, open []once.Purchase) {
	var none []once.Purchase
	for _, p := range open {
		o.turn++
		orders := o.fleet.ledger.OrdersOf(p.Key)
		switch {
		case len(orders) == 0:
			none = append(none, p)
		case o.turn%2 == 0 || p.State == once.StateBought:
			o.resolveBought(ctx, p, orders[0])
		}
	}
	if len(none) > 0 {
		o.resolveNotPurchased(ctx, none)
	}
}

func (o *operator) resolveBought(ctx context.Context, p once.Purchase, made *model.Order) {
	orderID := made.OrderID
	if o.turn%3 == 0 {
		orderID = ""
	}
	found := once.Found{InstanceID: made.Instance.InstanceID, OrderID: orderID, Unlisted: true}
	if _, err := o.buyer.ResolveBought(ctx, p.Key, found); err == nil {
		o.fleet.ledger.Count("a person said bought")
	}
}

// tryTooEarly says before the fence that nothing was bought, as an impatient person does. That must be refused, also if
// it is true.
func (o *operator) tryTooEarly(ctx context.Context, p once.Purchase) {
	o.fleet.service.clock.RLock()
	defer o.fleet.service.clock.RUnlock()
	now := o.fleet.service.Now()
	if p.State != once.StateSending || now.After(p.SignatureExpires.Add(fenceMargin)) {
		return
	}
	resolved, err := o.buyer.ResolveNotPurchased(ctx, p.Key)
	var early *once.TooEarlyError
	if errors.As(err, &early) {
		o.fleet.ledger.Count("a person was too early")
	} else if err == nil && resolved.Evidence == once.EvidencePerson && resolved.RequestID == p.RequestID {
		o.fleet.ledger.Violate(model.NotByDesign, "at %s resolved as not purchased: %+v", now, p)
	}
}

// resolveNotPurchased looks at the bill when the fence of all has passed: then nothing is added to it.
func (o *operator) resolveNotPurchased(ctx context.Context, open []once.Purchase) {
	o.fleet.service.jump()
	for _, p := range open {
		if len(o.fleet.ledger.OrdersOf(p.Key)) > 0 {
			continue
		}
		if _, err := o.buyer.ResolveNotPurchased(ctx, p.Key); err == nil {
			o.fleet.ledger.Count("a person said not purchased")
		}
	}
}
