package once

import "github.com/qianfan-go/computeunit/once/internal/store"

// JournalOf makes a journal of any store: for the proof, which puts itself between a Buyer and its store.
func JournalOf(s store.Store) Journal { return stored{s} }

type stored struct{ records store.Store }

func (s stored) store() store.Store { return s.records }
