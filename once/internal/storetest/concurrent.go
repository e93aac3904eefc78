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

// testClaim is about a key, a service, an instance of records that are there, and a version that was read.
func (s suite) testClaim() {
	for round := range rounds {
		same := fmt.Sprint(round)
		each := func(i int) string { return fmt.Sprint(round, "-", i) }
		s.race("", func(i int) store.Record { return with(record("key "+same, each(i)), "of key "+each(i), "") })

		won := s.race("", func(i int) store.Record { return with(record("service "+each(i), "v"), same, "") })
		s.ownedBy(store.OpenService, same, won.Key)

		for i := range claimers {
			s.put("", record("instance "+each(i), "v"))
		}
		won = s.race("v", func(i int) store.Record { return with(record("instance "+each(i), "w"), "", same) })
		s.ownedBy(store.InstanceID, same, won.Key)
		for i := range claimers {
			if loser := record("instance "+each(i), "v"); loser.Key != won.Key {
				s.kept(loser)
			}
		}

		s.put("", record("version "+same, "v"))
		s.race("v", func(i int) store.Record { return record("version "+same, each(i)) })
	}
	s.Len(s.find(store.OpenService), 2*rounds)
}
