package once

import "github.com/qianfan-go/computeunit/once/internal/store"

// Journal keeps purchases: [InMemory] or [SQL]. It can't be implemented elsewhere, because what a purchase rests on is
// easily got wrong: two unique constraints, compare-and-swap, and writes that are durable when they are confirmed.
//
// One journal serves one account and one endpoint. The endpoint is kept in the journal, and a client with another one is
// refused. The account is not: a key id does not name it, and keys are rotated. Never share a journal between accounts.
type Journal interface {
	store() store.Store
}

// InMemory returns a journal for one process, which forgets everything at its end: for tests and for scripts that buy
// once. Two processes, or two runs of one, need [SQL].
func InMemory() Journal { return memory{new(store.Memory)} }

type memory struct{ records *store.Memory }

func (m memory) store() store.Store { return m.records }
