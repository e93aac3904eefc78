package proof

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/qianfan-go/computeunit/internal/proof/model"
	"github.com/qianfan-go/computeunit/once"
)

// beside is what the world of a seed has beside what every world has. Its scheduler picks more often what that needs.
type beside int

const (
	nothing beside = iota
	// slowPerson asks a process that stands still for an hour. Every promise holds.
	slowPerson
	// glimpse is an instance that somebody outside buys, and releases after one listing. Every promise holds, but that a
	// listing settles a key which it is a candidate of: that needs a person.
	glimpse
	// outsider buys an instance and keeps it, so that a key can be given it. From then on this holds: no key has two orders,
	// none that has one is said to have none, and what an answer names is what Buy says and the record keeps.
	outsider
	// hastyPerson says "not purchased" without a look. Nobody believes that if the order is listed. From when somebody was
	// believed who overlooked one, the same holds for the other orders as with an outsider.
	hastyPerson
)

// besides has one for each seed: half of them have nothing.
var besides = [...]beside{outsider, nothing, slowPerson, nothing, glimpse, nothing, hastyPerson, nothing}

// lags are what orders take to be listed: so long that others act before, if that is what the world is for.
var lags = map[beside][]time.Duration{
	nothing: anyLag, glimpse: anyLag,
	slowPerson:  {2 * time.Hour},
	outsider:    {2 * time.Minute, 10 * time.Minute},
	hastyPerson: {20 * time.Minute, 2 * time.Hour},
}

var anyLag = []time.Duration{0, 0, 10 * time.Second, 2 * time.Minute, 20 * time.Minute, 2 * time.Hour}

// goBeside does, now and then, what the seed's world has beside the others. It reports whether it did.
func (s *scheduler) goBeside() bool {
	switch s.beside {
	case slowPerson:
		return s.slowDown(resolve, List, time.Hour) || s.personIsSlow() && s.sometimes(4) && s.deliver()
	case glimpse:
		return s.sending() != "" && s.sometimes(10) && s.addOutside(3, false)
	case outsider:
		return s.slowDown(buy, Received, 2*time.Hour) || s.answerIsLate() && s.sometimes(2) && s.addOutside(1, true)
	default:
		return false
	}
}

func (s *scheduler) sometimes(oneOf int) bool { return s.random.IntN(oneOf) == 0 }

// slowDown has, in half of the cases, a process stand still when it is about to do a step.
func (s *scheduler) slowDown(what does, at Kind, d time.Duration) bool {
	for _, w := range s.ready() {
		if w.kind == at && w.does == what && !w.actor.slowed {
			w.actor.slowed = true
			if s.sometimes(2) {
				s.freeze(w.actor, d)
				return true
			}
		}
	}
	return false
}

// answerIsLate reports whether an attempt's answer is there, and its process stands still.
func (s *scheduler) answerIsLate() bool { return s.beside == outsider && s.slowed(Received) }

// personIsSlow reports whether somebody has spoken, and the process that was asked stands still.
func (s *scheduler) personIsSlow() bool { return s.slowed(List) }

func (s *scheduler) slowed(at Kind) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.waiting, func(w *step) bool { return w.actor.slowed && w.kind == at && s.stands(w.actor) })
}

// addOutside has somebody outside buy, up to a limit.
func (s *scheduler) addOutside(limit int, stays bool) bool {
	if s.added == limit {
		return false
	}
	s.added++
	id := fmt.Sprintf("outside-%d", s.added)
	s.note("somebody outside buys %s; it stays: %t", id, stays)
	s.world.AddOutside(id, stays)
	return true
}

// AddOutside lists an instance that somebody outside bought while a key may be open. Unless it stays, it is released after the
// next listing.
func (w *World) AddOutside(id string, stays bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.strangers[id] = stays
	w.Service.Add(model.Instance(id, request), stays)
}

// ReleaseOutside has whoever bought outside release everything.
func (w *World) ReleaseOutside() {
	for id := range w.strangers {
		w.Release(id)
	}
}

// startBeside replaces what is started by what the seed's world needs: while an answer is late, somebody who lists, or buys
// the other key; and people for what is open.
func (s *scheduler) startBeside(key string, what does) (string, does) {
	switch open := s.sending(); {
	case s.answerIsLate():
		return s.unbought(key), pick(s.random, []does{buy, settle})
	case (s.beside == hastyPerson || s.beside == slowPerson) && open != "" && s.sometimes(3):
		return open, resolve
	}
	return key, what
}

// together is how many calls run at the same time, if there are enough.
func (s *scheduler) together() int {
	if s.answerIsLate() {
		return 3
	}
	return 2
}

// most is how much time passes at a time.
func (s *scheduler) most() time.Duration {
	if s.answerIsLate() {
		return time.Minute
	}
	return time.Hour
}

// many is what becomes of half of the requests: with an outsider only what is another key's is listed then, and a person has
// something to overlook.
func (s *scheduler) many() Fate {
	switch {
	case s.beside == outsider && !s.world.unharmed():
		return Lose
	case s.beside == slowPerson:
		return Late
	case s.beside == hastyPerson:
		return LoseAnswer
	default:
		return Go
	}
}

// limits are how long callers wait: people until they are heard.
func (s *scheduler) limits(what does) []time.Duration {
	if what == last || what == resolve && (s.beside == hastyPerson || s.beside == slowPerson) {
		return []time.Duration{90 * time.Minute}
	}
	return limits
}

// sending returns a key that may have an attempt on its way.
func (s *scheduler) sending() string {
	for _, key := range keys {
		if s.world.stateOf(key) == once.StateSending {
			return key
		}
	}
	return ""
}

// unbought returns a key that is not bought, if there is one.
func (s *scheduler) unbought(otherwise string) string {
	for _, key := range keys {
		if s.world.stateOf(key) != once.StateBought {
			return key
		}
	}
	return otherwise
}

// person resolves a key.
type person func(ctx context.Context, world *World, c *call) error

func (s *scheduler) person() person {
	if s.beside == hastyPerson && s.sometimes(2) {
		return resolveHastily
	}
	return resolveTruly
}

// resolveHastily is a person who says that there is no order, whatever the service has.
func resolveHastily(ctx context.Context, world *World, c *call) error {
	c.overlooks, c.listed = world.overlook(c.key)
	err := sayNotPurchased(ctx, world, c)
	if blocked := (*once.BlockedError)(nil); errors.As(err, &blocked) && c.listed {
		world.Count("not believed")
	}
	return err
}

// overlook returns the order that a person overlooks, and whether it is listed and nobody's.
func (w *World) overlook(key string) (o *model.Order, listed bool) {
	if o = w.orderOf(key); o == nil {
		return nil, false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.last {
		if p.InstanceID == o.Instance.InstanceID {
			return o, false
		}
	}
	return o, !w.Now().Before(o.ListedFrom)
}
