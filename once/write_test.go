package once_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
	"github.com/qianfan-go/computeunit/once/internal/storetest"
)

var errDatabase = errors.New("the database says no")

// withFaults starts a process whose calls of the journal fail as faults says. It knows the endpoint already.
func (b *bench) withFaults(faults *storetest.Faulty) *once.Buyer {
	_, _, err := b.process().Lookup(b.t.Context(), "a")
	require.NoError(b.t, err)
	faults.Store = b.records
	return proof.NewProcess(b.world, b, func(*proof.Process) once.Journal { return once.JournalOf(faults) }).Buyer
}

func TestAWriteThatWasDoneAlthoughItFailedIsNotDoneAgain(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		writes := 0
		bought, err := b.withFaults(&storetest.Faulty{After: func(method string) error {
			if method == "Insert" || method == "Replace" {
				writes++
				return errDatabase
			}
			return nil
		}}).Buy(t.Context(), "a", prepaid)
		require.NoError(t, err)
		assert.Equal(t, bought, b.purchase("a"))
		assert.Equal(t, 3, writes, "claimed, sending, bought")
	})
}

func TestAWriteIsTriedForTenSeconds(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		tries, started := 0, time.Now()
		_, err := b.withFaults(&storetest.Faulty{Before: func(method string) error {
			if method == "Insert" {
				tries++
				return errDatabase
			}
			return nil
		}}).Buy(t.Context(), "a", prepaid)
		require.ErrorIs(t, err, computeunit.ErrOutcomeUnknown)
		require.ErrorIs(t, err, errDatabase)
		assert.Equal(t, 10*time.Second, time.Since(started))
		assert.Greater(t, tries, 5)
		assert.Zero(t, b.sent)
	})
}

// Rule 9: a caller that leaves must not leave a record behind that says less than is known.
func TestAWriteOutlivesItsCaller(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		started := time.Now()
		_, err := b.withFaults(&storetest.Faulty{Before: func(method string) error {
			if method == "Insert" && time.Since(started) < 3*time.Second {
				return errDatabase
			}
			return nil
		}}).Buy(within(t, time.Second), "a", prepaid)
		require.ErrorIs(t, err, computeunit.ErrNotPurchased)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, once.StateNotPurchased, b.purchase("a").State)
		assert.Zero(t, b.sent)
	})
}

// Found by a seed: the key was read as not purchased, and bought by another process during a pause.
func TestWhatWasReadBeforeAPauseDoesNotCount(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		var first *proof.Process
		step := 0
		b.direct = func(process *proof.Process, kind proof.Kind) proof.Fate {
			if first == nil {
				first = process
			}
			switch {
			case process != first:
			case kind == proof.List:
				step = 1
				_, err := b.process().ResolveNotPurchased(t.Context(), "a")
				assert.NoError(t, err)
				return proof.Fail
			case step == 1: // it can't write that nothing was sent
				step = 2
				go func() {
					time.Sleep(50 * time.Millisecond)
					_, err := b.process().Buy(t.Context(), "a", prepaid)
					assert.NoError(t, err)
				}()
				return proof.Fail
			}
			return proof.Go
		}
		bought, err := b.process().Buy(t.Context(), "a", prepaid)
		require.NoError(t, err)
		assert.Equal(t, "instance-1", bought.InstanceID)
	})
}
