package storetest

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/once/internal/store"
)

const (
	rounds   = 10
	claimers = 8
)

// race starts claimers at the same time and returns which of them were told that they did it.
func race(t *testing.T, claim func(i int) (bool, error)) []int {
	t.Helper()
	var (
		start, ended sync.WaitGroup
		mu           sync.Mutex
		won          []int
	)
	start.Add(1)
	for i := range claimers {
		ended.Go(func() {
			start.Wait()
			if done, _ := claim(i); done { // an error is MySQL's way to say that it is taken, or a deadlock
				mu.Lock()
				defer mu.Unlock()
				won = append(won, i)
			}
		})
	}
	start.Done()
	ended.Wait()
	return won
}

func testClaimKey(t *testing.T, s store.Store) {
	for round := range rounds {
		key := fmt.Sprint("k", round)
		won := race(t, func(i int) (bool, error) {
			return s.Put(t.Context(), "", with(record(key, fmt.Sprint("v", i)), fmt.Sprint("svc", round, "-", i), ""))
		})
		require.Len(t, won, 1)
		kept(t, s, with(record(key, fmt.Sprint("v", won[0])), fmt.Sprint("svc", round, "-", won[0]), ""))
	}
	require.Len(t, find(t, s, store.OpenService), rounds)
}

func testClaimService(t *testing.T, s store.Store) {
	for round := range rounds {
		service := fmt.Sprint("svc", round)
		won := race(t, func(i int) (bool, error) {
			return s.Put(t.Context(), "", with(record(fmt.Sprint("k", round, "-", i), "v"), service, ""))
		})
		require.Len(t, won, 1)
		ownedBy(t, s, store.OpenService, service, fmt.Sprint("k", round, "-", won[0]))
	}
}

func testClaimInstance(t *testing.T, s store.Store) {
	for round := range rounds {
		instance := fmt.Sprint("i", round)
		for i := range claimers {
			put(t, s, "", record(fmt.Sprint("k", round, "-", i), "v1"))
		}
		won := race(t, func(i int) (bool, error) {
			return s.Put(t.Context(), "v1", with(record(fmt.Sprint("k", round, "-", i), "v2"), "", instance))
		})
		require.Len(t, won, 1)
		ownedBy(t, s, store.InstanceID, instance, fmt.Sprint("k", round, "-", won[0]))
		for i := range claimers {
			want := record(fmt.Sprint("k", round, "-", i), "v1")
			if i == won[0] {
				want = with(record(want.Key, "v2"), "", instance)
			}
			kept(t, s, want)
		}
	}
}

func testClaimVersion(t *testing.T, s store.Store) {
	put(t, s, "", with(record("k", "v"), "svc", ""))
	last := "v"
	for round := range rounds {
		won := race(t, func(i int) (bool, error) {
			return s.Put(t.Context(), last, with(record("k", fmt.Sprint("v", round, "-", i)), "svc", ""))
		})
		require.Len(t, won, 1)
		last = fmt.Sprint("v", round, "-", won[0])
		kept(t, s, with(record("k", last), "svc", ""))
	}
}

// again makes a write until it is done, or something else is in its way than an error: see [store.Store].
func again(t *testing.T, s store.Store, version string, r store.Record) bool {
	for range 1000 {
		done, err := s.Put(t.Context(), version, r)
		if done {
			return true
		}
		if found, _ := s.Find(t.Context(), store.Key, r.Key); len(found) > 0 && found[0].Version == r.Version {
			return true
		}
		if err == nil {
			return false
		}
	}
	return false
}

// Keys that open and settle one service at the same time: it is never two's.
func testPassOn(t *testing.T, s store.Store) {
	race(t, func(i int) (bool, error) {
		for turn := range rounds {
			r := with(record(fmt.Sprint("k", i, "-", turn), "v1"), "svc", "")
			if done, _ := s.Put(t.Context(), "", r); !done {
				continue
			}
			ownedBy(t, s, store.OpenService, "svc", r.Key)
			r.Version, r.OpenService = "v2", ""
			assert.True(t, again(t, s, "v1", r))
		}
		return true, nil
	})
	ownedBy(t, s, store.OpenService, "svc", "")
}

// Read and write until it is done: each of them counts.
func testNoWriteIsLost(t *testing.T, s store.Store) {
	r := record("k", "start")
	r.Data = []byte("0")
	put(t, s, "", r)
	race(t, func(i int) (bool, error) {
		for turn := range 3 {
			for done := false; !done; {
				old, count := find(t, s, store.Key, "k")[0], 0
				_, err := fmt.Sscan(string(old.Data), &count)
				assert.NoError(t, err)
				next := record("k", fmt.Sprint("v", i, "-", turn))
				next.Data = fmt.Append(nil, count+1)
				done = again(t, s, old.Version, next)
			}
		}
		return true, nil
	})
	assert.Equal(t, fmt.Sprint(3*claimers), string(find(t, s, store.Key, "k")[0].Data))
}
