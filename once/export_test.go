package once

import "github.com/qianfan-go/computeunit/once/internal/store"

// JournalOf makes a journal of any store: for the proof, which puts itself between a Buyer and its store.
func JournalOf(s store.Store) Journal { return stored{s} }

type stored struct{ records store.Store }

func (s stored) store() store.Store { return s.records }

// CheckFence is what an attempt has to pass: the client's clock follows the service's, so that no test can come near.
var CheckFence = checkFence

// ChangeEndpointOf is SQLJournal.ChangeEndpoint for any store.
var ChangeEndpointOf = changeEndpoint
