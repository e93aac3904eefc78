package once_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
)

func TestABuyThatWaitedReturnsTheOutcomeItWaitedFor(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.requests = []proof.Fate{proof.Refuse}
		b.direct = func(_ *proof.Process, kind proof.Kind) proof.Fate {
			if kind == proof.Request {
				time.Sleep(time.Second)
			}
			return proof.Go
		}
		waited := make(chan error)
		go func() {
			time.Sleep(500 * time.Millisecond)
			_, err := b.process().Buy(t.Context(), "a", prepaid)
			waited <- err
		}()
		_, err := b.process().Buy(t.Context(), "a", prepaid)
		require.ErrorIs(t, err, computeunit.ErrNotPurchased)
		err = <-waited
		require.ErrorIs(t, err, computeunit.ErrNotPurchased)
		require.ErrorContains(t, err, "AccessDenied")
		assert.Equal(t, 1, b.sent)
	})
}

func TestBuyTakesOverWhatStoodStillBeforeItWasSent(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.crashAt(proof.List)
		started := time.Now()
		bought, err := b.process(once.WithTakeoverAfter(time.Minute)).Buy(t.Context(), "a", prepaid)
		require.NoError(t, err)
		assert.Equal(t, "instance-1", bought.InstanceID)
		assert.GreaterOrEqual(t, time.Since(started), time.Minute)
	})
}

func TestBuyOfAnotherKeyWaitsForTheService(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.direct = func(_ *proof.Process, kind proof.Kind) proof.Fate {
			if kind == proof.Request {
				time.Sleep(20 * time.Second)
			}
			return proof.Go
		}
		done := make(chan error)
		go func() {
			_, err := b.process().Buy(t.Context(), "a", prepaid)
			done <- err
		}()
		time.Sleep(time.Second)
		other := postpaid
		other.ServiceID = " SVCO-1 "
		_, err := b.process().Buy(within(t, 10*time.Second), "b", other)
		require.ErrorIs(t, err, computeunit.ErrNotPurchased, "the wait ended")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		bought, err := b.process().Buy(t.Context(), "b", prepaid)
		require.NoError(t, err)
		assert.Equal(t, "instance-2", bought.InstanceID)
		require.NoError(t, <-done)
	})
}

func TestBuyOfAnotherKeyIsBlockedAtOnce(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.leaveUnknown("a", proof.Lose)
		claimed := b.purchase("a")
		started := time.Now()
		_, err := b.process().Buy(t.Context(), "b", prepaid)
		require.ErrorIs(t, err, computeunit.ErrNotPurchased)
		var blocked *once.BlockedError
		require.ErrorAs(t, err, &blocked)
		assert.Equal(t, &once.BlockedError{
			Key: "a", ServiceID: "svco-1", Since: claimed.Since, NotBefore: claimed.SignatureExpires.Add(30 * time.Minute),
		}, blocked)
		assert.Zero(t, time.Since(started))
		_, found, err := b.process().Lookup(t.Context(), "b")
		require.NoError(t, err)
		assert.False(t, found)
	})
}

func TestBuyOfAnotherKeyLooksFirst(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.world.Lag = func() time.Duration { return time.Minute }
		b.leaveUnknown("a", proof.LoseAnswer)
		time.Sleep(time.Minute)
		bought, err := b.process().Buy(t.Context(), "b", prepaid)
		require.NoError(t, err)
		assert.Equal(t, "instance-2", bought.InstanceID)
		assert.Equal(t, "instance-1", b.purchase("a").InstanceID)
	})
}

func TestBuyOfAnotherKeyClosesWhatStoodStillBeforeItWasSent(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.crashAt(proof.List)
		_, err := b.process().Buy(t.Context(), "b", prepaid)
		require.NoError(t, err)
		closed := b.purchase("a")
		assert.Equal(t, once.StateNotPurchased, closed.State)
		assert.Empty(t, closed.Evidence)
	})
}

// Two Buys of key a wait for the service that key b has. One of them is refused then.
func TestABuyThatWaitedForTheServiceReturnsTheOutcomeOfItsKey(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		bought := b.buySlowly("b", new(logged))
		b.mu.Lock()
		b.requests = []proof.Fate{proof.Refuse, proof.Refuse, proof.Refuse}
		b.mu.Unlock()
		var waiting sync.WaitGroup
		for range 3 {
			waiting.Go(func() {
				_, err := b.process(once.WithTakeoverAfter(2*time.Hour)).Buy(within(t, 3*time.Hour), "a", prepaid)
				assert.ErrorIs(t, err, computeunit.ErrNotPurchased)
				assert.ErrorContains(t, err, "AccessDenied")
			})
		}
		<-bought
		waiting.Wait()
		assert.Equal(t, 2, b.sent)
	})
}

func TestWhatALaterVersionClaimedIsNeverSent(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.crashAt(proof.List)
		b.byALaterVersion("a")
		_, err := b.process().Buy(within(t, time.Hour), "a", prepaid)
		require.ErrorIs(t, err, computeunit.ErrOutcomeUnknown)
		_, err = b.process().Buy(t.Context(), "b", prepaid)
		require.NoError(t, err, "it is closed for another key")
		_, err = b.process().Buy(t.Context(), "a", prepaid)
		require.ErrorIs(t, err, computeunit.ErrNotPurchased)
		require.ErrorContains(t, err, "later version")
		assert.Equal(t, 1, b.sent)
	})
}

// A later version may know states that this one does not.
func TestAStateOfALaterVersionKeepsItsServiceClosed(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.leaveUnknown("a", proof.Lose)
		row, _, err := b.records.Read(t.Context(), "a")
		require.NoError(t, err)
		later := row
		later.Version, later.State = "later", "reserved"
		done, err := b.records.Replace(t.Context(), row.Version, later)
		require.NoError(t, err)
		require.True(t, done)

		listings := 0
		b.direct = func(_ *proof.Process, kind proof.Kind) proof.Fate {
			if kind == proof.List {
				if listings++; listings > 1000 {
					panic("it lists again and again, without a pause")
				}
			}
			return proof.Go
		}
		_, err = b.process().Buy(within(t, 5*time.Minute), "b", prepaid)
		assert.ErrorIs(t, err, computeunit.ErrNotPurchased)
		_, err = b.process().Buy(within(t, 5*time.Minute), "a", prepaid)
		assert.ErrorIs(t, err, computeunit.ErrOutcomeUnknown)
		open, _ := b.process().Settle(t.Context())
		assert.Len(t, open, 1)
		assert.Equal(t, 1, b.sent)
		kept, _, err := b.records.Read(t.Context(), "a")
		require.NoError(t, err)
		assert.Equal(t, later, kept)
	})
}

// Who waits for another key's purchase must not wait for a service that does not answer.
func TestBuyOfAnotherKeyIsBlockedAtOnceIfTheListingHangs(t *testing.T) {
	for name, left := range map[string]func(*bench){
		"unknown":                   func(b *bench) { b.leaveUnknown("a", proof.Lose) },
		"of a process that crashed": func(b *bench) { b.crashAt(proof.Received) },
	} {
		t.Run(name, func(t *testing.T) { testBlockedAtOnce(t, left) })
	}
}

func testBlockedAtOnce(t *testing.T, left func(*bench)) {
	inBench(t, func(t *testing.T, b *bench) {
		left(b)
		b.direct = always(proof.List, proof.LoseAnswer)
		began := time.Now()
		_, err := b.process(once.WithTakeoverAfter(time.Second)).Buy(t.Context(), "b", prepaid)
		var blocked *once.BlockedError
		require.ErrorAs(t, err, &blocked)
		assert.Equal(t, "a", blocked.Key)
		assert.ErrorIs(t, err, computeunit.ErrNotPurchased)
		assert.LessOrEqual(t, time.Since(began), 10*time.Second)
	})
}

// A caller with little time that asks again and again must get there too.
func TestBuysOfLittleTimeTakeOverTogether(t *testing.T) {
	for _, at := range []proof.Kind{proof.List, proof.Received} {
		for _, key := range []string{"a", "b"} {
			t.Run(string(at)+", then a Buy of "+key, func(t *testing.T) {
				inBench(t, func(t *testing.T, b *bench) {
					b.crashAt(at)
					buyer := b.process()
					var err error
					for range 60 {
						if _, err = buyer.Buy(within(t, 1500*time.Millisecond), key, prepaid); err == nil {
							break
						}
					}
					require.NoError(t, err)
				})
			})
		}
	}
}
