package once_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
)

// byALaterVersion adds to a record what this version does not know.
func (b *bench) byALaterVersion(key string) {
	row, found, err := b.records.Read(b.t.Context(), key)
	require.NoError(b.t, err)
	require.True(b.t, found)
	var data map[string]any
	require.NoError(b.t, json.Unmarshal(row.Data, &data))
	data["later"] = true
	row.Data, err = json.Marshal(data)
	require.NoError(b.t, err)
	version := row.Version
	row.Version = "later"
	done, err := b.records.Replace(b.t.Context(), version, row)
	require.NoError(b.t, err)
	require.True(b.t, done)
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

func TestWhatALaterVersionSentIsLookedAfter(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.crashAt(proof.Received)
		b.byALaterVersion("a")
		open, err := b.process().Settle(t.Context())
		require.NoError(t, err)
		assert.Empty(t, open)
		row, _, err := b.records.Read(t.Context(), "a")
		require.NoError(t, err)
		assert.Contains(t, string(row.Data), `"later":true`)
		bought, err := b.process().Buy(t.Context(), "a", prepaid)
		require.NoError(t, err)
		assert.Equal(t, "instance-1", bought.InstanceID)
		assert.Equal(t, once.EvidenceListing, bought.Evidence)
	})
}

// Without the listing before, everything that is listed would look new.
func TestWhatCanNotBeReadNeedsAPerson(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.crashAt(proof.Received)
		row, _, err := b.records.Read(t.Context(), "a")
		require.NoError(t, err)
		version := row.Version
		row.Version, row.Data = "later", []byte(`{"format":2}`)
		_, err = b.records.Replace(t.Context(), version, row)
		require.NoError(t, err)
		open, err := b.process().Settle(t.Context())
		require.ErrorContains(t, err, "a person has to settle it")
		require.Len(t, open, 1)
		time.Sleep(time.Hour)
		_, err = b.process().ResolveNotPurchased(t.Context(), "a")
		require.Error(t, err)
		_, err = b.process().ResolveBought(t.Context(), "a", "instance-1", "")
		require.NoError(t, err)
	})
}
