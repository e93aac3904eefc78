package once_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/once/internal/proof"
)

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
