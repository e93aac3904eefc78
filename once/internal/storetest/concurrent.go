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

// race starts claimers at the same time and returns which of them were told that they did it. None may get an error.
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
			done, err := claim(i)
			assert.NoError(t, err)
			if done {
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
			return s.Insert(t.Context(), with(record(key, fmt.Sprint("v", i)), fmt.Sprint("svc", round, "-", i), ""))
		})
		require.Len(t, won, 1)
		kept(t, s, with(record(key, fmt.Sprint("v", won[0])), fmt.Sprint("svc", round, "-", won[0]), ""))
	}
	open, err := s.ReadOpen(t.Context())
	require.NoError(t, err)
	require.Len(t, open, rounds)
}

func testClaimService(t *testing.T, s store.Store) {
	for round := range rounds {
		service := fmt.Sprint("svc", round)
		won := race(t, func(i int) (bool, error) {
			return s.Insert(t.Context(), with(record(fmt.Sprint("k", round, "-", i), "v"), service, ""))
		})
		require.Len(t, won, 1)
		closedBy(t, s, service, fmt.Sprint("k", round, "-", won[0]))
	}
}

// The loser of a service reads by whom it is closed: at once, the winner is there.
func testLoserReadsWinner(t *testing.T, s store.Store) {
	for round := range rounds {
		service := fmt.Sprint("svc", round)
		race(t, func(i int) (bool, error) {
			done, err := s.Insert(t.Context(), with(record(fmt.Sprint("k", round, "-", i), "v"), service, ""))
			if err == nil {
				_, found, err := s.ReadOpenService(t.Context(), service)
				assert.NoError(t, err)
				assert.True(t, found)
			}
			return done, err
		})
	}
}

func testClaimInstance(t *testing.T, s store.Store) {
	for round := range rounds {
		instance := fmt.Sprint("i", round)
		for i := range claimers {
			insert(t, s, record(fmt.Sprint("k", round, "-", i), "v1"))
		}
		won := race(t, func(i int) (bool, error) {
			return s.Replace(t.Context(), "v1", with(record(fmt.Sprint("k", round, "-", i), "v2"), "", instance))
		})
		require.Len(t, won, 1)
		owner(t, s, instance, fmt.Sprint("k", round, "-", won[0]))
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
	insert(t, s, with(record("k", "v"), "svc", ""))
	last := "v"
	for round := range rounds {
		won := race(t, func(i int) (bool, error) {
			return s.Replace(t.Context(), last, with(record("k", fmt.Sprint("v", round, "-", i)), "svc", ""))
		})
		require.Len(t, won, 1)
		last = fmt.Sprint("v", round, "-", won[0])
		kept(t, s, with(record("k", last), "svc", ""))
	}
}

// Keys that open and settle one service at the same time: it is never two's, and nobody gets an error.
func testPassOn(t *testing.T, s store.Store) {
	var turns [claimers]int
	race(t, func(i int) (bool, error) {
		for turn := range rounds {
			r := with(record(fmt.Sprint("k", i, "-", turn), "v1"), "svc", "")
			done, err := s.Insert(t.Context(), r)
			if err != nil {
				return false, err
			}
			if !done {
				continue
			}
			turns[i]++
			kept(t, s, r)
			closedBy(t, s, "svc", r.Key)
			r.Version, r.OpenService = "v2", ""
			if done, err = s.Replace(t.Context(), "v1", r); err != nil || !done {
				return false, fmt.Errorf("%q: replaced %t: %w", r.Key, done, err)
			}
		}
		return true, nil
	})
	assert.NotZero(t, turns)
	closedBy(t, s, "svc", "")
}

// Read and replace until it is done: each of them counts.
func testNoReplaceIsLost(t *testing.T, s store.Store) {
	r := record("k", "start")
	r.Data = []byte("0")
	insert(t, s, r)
	won := race(t, func(i int) (bool, error) {
		for turn := range 3 {
			for {
				old, _, err := s.Read(t.Context(), "k")
				if err != nil {
					return false, err
				}
				var count int
				if _, err := fmt.Sscan(string(old.Data), &count); err != nil {
					return false, err
				}
				next := record("k", fmt.Sprint("v", i, "-", turn))
				next.Data = fmt.Append(nil, count+1)
				done, err := s.Replace(t.Context(), old.Version, next)
				if err != nil {
					return false, err
				}
				if done {
					break
				}
			}
		}
		return true, nil
	})
	require.Len(t, won, claimers)
	got, _, err := s.Read(t.Context(), "k")
	require.NoError(t, err)
	assert.Equal(t, fmt.Sprint(3*claimers), string(got.Data))
}
