package proof

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/qianfan-go/computeunit/once"
)

// beside is what the world of a seed has beside what every world has.
type beside int

const (
	nothing beside = iota
	// slowPerson looks and then speaks slowly: the process that was asked stands still for an hour. Every promise holds.
	slowPerson
	// glimpse is an instance that somebody outside buys and releases after one listing. Every promise holds, but for a key
	// that it is a candidate of: that needs a person.
	glimpse
	// outsider is an instance that somebody outside buys and keeps. A key may be given it. After that holds: no key has two
	// orders, no key is said to have none that has one, and what an answer names is what Buy says and the record keeps.
	outsider
	// hastyPerson says "not purchased" without a look at the bill. Nobody believes that of an order that is listed. After
	// a person was believed who overlooked one, the same holds for every other order as after an outsider.
	hastyPerson
)

// besides has one for each seed: half of them have nothing.
var besides = [...]beside{nothing, slowPerson, nothing, glimpse, nothing, outsider, nothing, hastyPerson}

// goBeside does, now and then, what the seed's world has beside the others. It reports whether it did.
func (s *scheduler) goBeside() bool {
	switch s.beside {
	case slowPerson:
		return s.slowDown("Resolve", List, time.Hour)
	case glimpse:
		return s.world.sending() && s.random.IntN(10) == 0 && s.addOutside(false)
	case outsider:
		return s.world.sending() && s.random.IntN(20) == 0 && s.addOutside(true) || s.slowDown("Buy", Received, time.Hour)
	default:
		return false
	}
}

func (s *scheduler) addOutside(stays bool) bool {
	if s.added == 3 {
		return false
	}
	s.added++
	id := fmt.Sprintf("outside-%d", s.added)
	s.note("somebody outside buys %s; it stays: %t", id, stays)
	s.world.AddOutside(id, stays)
	return true
}

// slowDown has, in half of the cases, a call stand still when it is about to do a step.
func (s *scheduler) slowDown(name string, at Kind, d time.Duration) bool {
	for _, a := range s.ready() {
		if a.waiting == at && !a.slowed && strings.Contains(a.name, name) {
			a.slowed = true
			if s.random.IntN(2) == 0 {
				s.freeze(a, d)
				return true
			}
		}
	}
	return false
}

// person returns how the next person resolves a key.
func (s *scheduler) person() func(*World, *Process, string) error {
	if s.beside == hastyPerson && s.random.IntN(2) == 0 {
		return resolveHastily
	}
	return resolveTruly
}

// resolveHastily is a person who says that there is no order, whatever the service has.
func resolveHastily(world *World, p *Process, key string) error {
	p.overlooks, p.listed = world.overlook(key)
	_, err := p.Buyer.ResolveNotPurchased(p.begin(context.Background(), key), key)
	if blocked := (*once.BlockedError)(nil); errors.As(err, &blocked) && p.listed {
		world.Count("not believed")
	}
	return err
}

// overlook returns the order that a person overlooks, and whether it is listed.
func (w *World) overlook(key string) (o *order, listed bool) {
	if o = w.orderOf(key); o == nil {
		return nil, false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return o, !time.Now().Before(o.listedFrom)
}

// sending reports whether a key may have an attempt on its way.
func (w *World) sending() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.last {
		if p.State == once.StateSending {
			return true
		}
	}
	return false
}
