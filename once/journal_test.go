package once_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
)

func TestBuyersOfOneInMemoryJournalShareItAndNoOther(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		journal := once.InMemory()
		for _, test := range []struct {
			journal  once.Journal
			instance string
		}{
			{journal, "instance-1"}, {journal, "instance-1"}, {once.InMemory(), "instance-2"},
		} {
			process := proof.NewProcess(b.world, b, func(*proof.Process) once.Journal { return test.journal })
			bought, err := process.Buyer.Buy(t.Context(), "a", prepaid)
			require.NoError(t, err)
			assert.Equal(t, test.instance, bought.InstanceID)
		}
	})
}
