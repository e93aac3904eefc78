package storetest

import (
	"fmt"
	"sync"

	"github.com/qianfan-go/computeunit/once/internal/store"
)

const (
	rounds   = 10
	claimers = 8
)

// race has claimers write at the same time, each a record of its own, and checks that only one of them does it.
func (s suite) race(version string, write func(i int) store.Record) (won store.Record) {
	s.t.Helper()
	var start, ended sync.WaitGroup
	written := make(chan store.Record, claimers)
	start.Add(1)
	for i := range claimers {
		ended.Go(func() {
			start.Wait()
			if done, _ := s.Put(s.t.Context(), version, write(i)); done { // an error is MySQL's way to say that it is taken, or a deadlock
				written <- write(i)
			}
		})
	}
	start.Done()
	ended.Wait()
	s.Len(written, 1)
	won = <-written
	s.kept(won)
	return won
}

func (s suite) testClaimKey() {
	for round := range rounds {
		s.race("", func(i int) store.Record {
			return with(record(fmt.Sprint("k", round), fmt.Sprint("v", i)), fmt.Sprint("svc", round, "-", i), "")
		})
	}
	s.Len(s.find(store.OpenService), rounds)
}

func (s suite) testClaimService() {
	for round := range rounds {
		service := fmt.Sprint("svc", round)
		won := s.race("", func(i int) store.Record { return with(record(fmt.Sprint("k", round, "-", i), "v"), service, "") })
		s.ownedBy(store.OpenService, service, won.Key)
	}
}

func (s suite) testClaimInstance() {
	for round := range rounds {
		instance := fmt.Sprint("i", round)
		key := func(i int) string { return fmt.Sprint("k", round, "-", i) }
		for i := range claimers {
			s.put("", record(key(i), "v1"))
		}
		won := s.race("v1", func(i int) store.Record { return with(record(key(i), "v2"), "", instance) })
		s.ownedBy(store.InstanceID, instance, won.Key)
		for i := range claimers {
			if key(i) != won.Key {
				s.kept(record(key(i), "v1"))
			}
		}
	}
}

func (s suite) testClaimVersion() {
	last := record("k", "v")
	s.put("", last)
	for round := range rounds {
		last = s.race(last.Version, func(i int) store.Record { return with(record("k", fmt.Sprint("v", round, "-", i)), "svc", "") })
	}
}
