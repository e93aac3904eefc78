package model

import (
	"fmt"
	"maps"
	"slices"
	"sync"
)

// The promises that a ledger sees broken.
const (
	TwoOrders   = "two orders for a key"
	ToldTwice   = "an order told to two keys"
	FalseAnswer = "a false answer"
	OpenListed  = "open although its order is listed"
	WrongRecord = "a record that is not the ledger's"
	NotByDesign = "not as the design has it"
)

// Promises are all of them.
var Promises = []string{TwoOrders, ToldTwice, FalseAnswer, OpenListed, WrongRecord, NotByDesign}

// Ledger holds what is said of keys against the orders, in any order of calls. It is safe for concurrent use. Moments are
// whatever grows: a count, or a time.
type Ledger struct {
	mu         sync.Mutex
	attempts   map[string]Attempt // by request id
	orders     map[string][]*Order
	denials    map[string][]denial
	told       map[string]string // by id: the key that it was told to
	overlooked map[*Order]bool
	broken     map[string][]string
	counts     map[string]int
}

// Attempt is who sends with a request id.
type Attempt struct {
	Key  string
	Call int   // the call of Buy that sends, from 1; 0: not known
	At   int64 // when it was put down, at the latest
}

// denial is an answer that a key has no order: true at since, or later.
type denial struct {
	call  int
	since int64
}

// NewLedger returns one in which nothing was sent.
func NewLedger() *Ledger {
	return &Ledger{
		attempts: map[string]Attempt{}, orders: map[string][]*Order{}, denials: map[string][]denial{},
		told: map[string]string{}, overlooked: map[*Order]bool{}, broken: map[string][]string{},
		counts: map[string]int{},
	}
}

// Sent notes an attempt before it is sent. The first time counts.
func (l *Ledger) Sent(requestID string, a Attempt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.attempts[requestID]; !known {
		l.attempts[requestID] = a
	}
}

// Ordered adds an order, whose attempt was noted.
func (l *Ledger) Ordered(o *Order) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a, known := l.attempts[o.RequestID]
	if !known {
		l.violate(WrongRecord, "an order of nobody: %+v", *o)
		return
	}
	for _, d := range l.denials[a.Key] {
		l.deny(o, a, d)
	}
	if others := l.ordersOf(a.Key); len(others) > 0 {
		l.violate(TwoOrders, "key %s: %s and %s", a.Key, others[0].OrderID, o.OrderID)
	}
	l.orders[a.Key] = append(l.orders[a.Key], o)
}

// deny holds an order against an answer: whoever read the key after the attempt was put down must not say that there is none,
// nor may the call that made it.
func (l *Ledger) deny(o *Order, a Attempt, d denial) {
	if a.At <= d.since || a.Call != 0 && a.Call == d.call {
		l.violate(FalseAnswer, "key %s was said to have no order, and has %s", a.Key, o.OrderID)
	}
}

// NotPurchased is an answer of a call: that a key has no order, at since or later.
func (l *Ledger) NotPurchased(key string, call int, since int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d := denial{call, since}
	for _, o := range l.ordersOf(key) {
		l.deny(o, l.attempts[o.RequestID], d)
	}
	l.denials[key] = append(l.denials[key], d)
}

// Bought is an answer: that a key has an order, by at least one id.
func (l *Ledger) Bought(key, instanceID, orderID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	mine := slices.ContainsFunc(l.orders[key], func(o *Order) bool { return o.Is(instanceID, orderID) })
	if !mine || instanceID+orderID == "" {
		l.violate(FalseAnswer, "key %s was said to be bought as %q, %q, which is not its own", key, instanceID, orderID)
	}
	for _, id := range []string{instanceID, orderID} {
		if first := l.told[id]; id != "" && first != "" && first != key {
			l.violate(ToldTwice, "keys %s and %s: %s", first, key, id)
		}
		l.told[id] = key
	}
}

// Is reports whether ids name no other order.
func (o *Order) Is(instanceID, orderID string) bool {
	return (instanceID == "" || instanceID == o.Instance.InstanceID) && (orderID == "" || orderID == o.OrderID)
}

// Record is what a journal says of a key when everything is listed.
type Record struct {
	Found, Open, Bought bool
	InstanceID, OrderID string
}

// Kept holds the record of a key against its orders.
func (l *Ledger) Kept(key string, r Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	orders := l.ordersOf(key)
	switch {
	case r.Open && len(orders) > 0:
		l.violate(OpenListed, "key %s: %+v", key, r)
	case r.Open:
	case r.Bought != (len(orders) > 0) || !r.Found && r.Bought:
		l.violate(WrongRecord, "key %s: the journal says %+v, the ledger has %d orders", key, r, len(orders))
	case r.Bought && !orders[0].Is(r.InstanceID, r.OrderID):
		l.violate(WrongRecord, "key %s: the journal says %+v, the ledger %+v", key, r, *orders[0])
	}
}

// OrdersOf returns the orders of a key, but for those that were overlooked.
func (l *Ledger) OrdersOf(key string) []*Order {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.ordersOf(key))
}

func (l *Ledger) ordersOf(key string) []*Order {
	return slices.DeleteFunc(slices.Clone(l.orders[key]), func(o *Order) bool { return l.overlooked[o] })
}

// Overlook has an order not count any more: a person was believed who overlooked it.
func (l *Ledger) Overlook(o *Order) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.overlooked[o] = true
}

// Violate notes a promise that was broken.
func (l *Ledger) Violate(promise, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.violate(promise, format, args...)
}

func (l *Ledger) violate(promise, format string, args ...any) {
	l.broken[promise] = append(l.broken[promise], promise+": "+fmt.Sprintf(format, args...))
}

// Broken returns the violations of a promise, in words.
func (l *Ledger) Broken(promise string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.broken[promise]
}

// Count counts something that must have happened, so that the promises are tried at all.
func (l *Ledger) Count(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts[what]++
}

// Counts is what was counted.
func (l *Ledger) Counts() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.counts)
}

// Violations are those of every promise.
func (l *Ledger) Violations() (all []string) {
	for _, promise := range Promises {
		all = append(all, l.Broken(promise)...)
	}
	return all
}
