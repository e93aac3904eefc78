package once_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
	"github.com/qianfan-go/computeunit/once/internal/store"
	"github.com/qianfan-go/computeunit/once/internal/storetest"
)

// row is the record of a key as the journal has it.
func (b *bench) row(key string) store.Record {
	rows, err := b.records.Find(b.t.Context(), store.Key, key)
	require.NoError(b.t, err)
	require.Len(b.t, rows, 1)
	return rows[0]
}

func TestAnOpenRecordKeepsItsServiceClosed(t *testing.T) {
	for fate, service := range map[proof.Fate]string{proof.Go: "", proof.Lose: "svco-1", proof.OrderOnly: "svco-1", proof.Refuse: ""} {
		inBench(t, func(t *testing.T, b *bench) {
			b.fates(fate)
			request := prepaid
			request.ServiceID = " SVCO-1\n"
			b.lag(time.Hour)
			b.process().Buy(t.Context(), "a", request)
			assert.Equal(t, service, b.row("a").OpenService)
			assert.Equal(t, service != "", b.purchase("a").Open())
		})
	}
}

// What the constraints hold is what counts.
func TestTheColumnsAreBelieved(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		_, err := b.buy("a")
		require.NoError(t, err)
		row := b.row("a")
		version := row.Version
		row.Version, row.InstanceID = "by hand", "instance-9"
		_, err = b.records.Put(t.Context(), version, row)
		require.NoError(t, err)
		assert.Equal(t, "instance-9", b.purchase("a").InstanceID)
	})
}

// A record of a later format is refused with a clear error, and left alone.
func TestWhatALaterVersionWroteIsLeftAlone(t *testing.T) {
	for name, data := range map[string]string{
		"a later format": `{"format":2,"key":"a"}`, "another type": `{"format":1,"key":1}`, "no object": `[]`, "an empty object": `{}`,
	} {
		t.Run(name, func(t *testing.T) {
			inBench(t, func(t *testing.T, b *bench) {
				b.leaveUnknown("a", proof.Lose)
				later := b.row("a")
				version := later.Version
				later.Version, later.State, later.Data = "later", "reserved", []byte(data)
				_, err := b.records.Put(t.Context(), version, later)
				require.NoError(t, err)
				time.Sleep(time.Hour)

				buyer := b.process()
				_, err = buyer.Buy(within(t, time.Hour), "a", prepaid)
				assert.Equal(t, "unknown, pending", outcome(t, err))
				assert.ErrorContains(t, err, "later version")
				_, err = buyer.Buy(within(t, time.Hour), "b", prepaid)
				assert.Equal(t, "not purchased, pending", outcome(t, err), "the service is closed")
				settled, err := buyer.Settle(t.Context())
				assert.ErrorContains(t, err, "later version")
				assert.Len(t, settled, 1)
				for _, err := range []error{errOf(buyer.Lookup(t.Context(), "a")), buyer.Check(t.Context()),
					errOfOne(buyer.ResolveNotPurchased(t.Context(), "a")), errOfOne(buyer.ResolveBought(t.Context(), "a", once.Found{OrderID: "o"}))} {
					assert.ErrorContains(t, err, "later version")
				}
				assert.Equal(t, 1, b.sent)
				later.Age = b.row("a").Age
				assert.Equal(t, later, b.row("a"))
			})
		})
	}
}

func errOf(_ once.Purchase, _ bool, err error) error { return err }
func errOfOne(_ once.Purchase, err error) error      { return err }

var errDatabase = errors.New("the database says no")

// withFaults starts a process whose calls of the journal fail as faults says.
func (b *bench) withFaults(faults *storetest.Faulty) *once.Buyer {
	require.NoError(b.t, b.process().Check(b.t.Context()))
	faults.Store = b.records
	return proof.NewProcess(b.world, b, func(*proof.Process) once.Journal { return once.JournalOf(faults) }).Buyer
}

func TestAWriteThatWasDoneAlthoughItFailedIsNotDoneAgain(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		writes := 0
		bought, err := b.withFaults(&storetest.Faulty{After: func(method string) error {
			if method == "Put" {
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
			if method == "Put" {
				tries++
				return errDatabase
			}
			return nil
		}}).Buy(t.Context(), "a", prepaid)
		assert.Equal(t, "unknown, pending", outcome(t, err))
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
		buyer := b.withFaults(&storetest.Faulty{Before: func(method string) error {
			if method == "Put" && time.Since(started) < 3*time.Second {
				return errDatabase
			}
			return nil
		}})
		_, err := buyer.Buy(within(t, time.Second), "a", prepaid)
		assert.Equal(t, "unknown, pending", outcome(t, err))
		time.Sleep(5 * time.Second)
		assert.Equal(t, once.StateNotPurchased, b.purchase("a").State)
		assert.Zero(t, b.sent)
	})
}

// The answer has come when the caller has left, and the process crashes before anything else.
func TestAnAnswerIsWrittenWhenTheCallerHasLeft(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.at(proof.Received, func() { time.Sleep(10 * time.Second) })
		_, err := b.process().Buy(within(t, time.Second), "a", prepaid)
		require.Error(t, err)
		time.Sleep(time.Minute)
		assert.Equal(t, once.EvidenceAnswer, b.purchase("a").Evidence)
	})
}

// The journal's clock decides: here it was put back by an hour.
func TestARecordOfTheFutureIsIdle(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.crashAt(proof.List)
		buyer := proof.NewProcess(b.world, b, func(p *proof.Process) once.Journal {
			return once.JournalOf(putBack{p.Store(b.records)})
		}).Buyer
		settled, err := buyer.Settle(t.Context())
		require.NoError(t, err)
		require.Len(t, settled, 1)
		assert.Equal(t, once.StateNotPurchased, settled[0].State)
	})
}

func TestTheJSONOfARecordIsThatOfThePurchase(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		bought, err := b.buy("订单")
		require.NoError(t, err)
		var kept once.Purchase
		require.NoError(t, json.Unmarshal(b.row("订单").Data, &kept))
		assert.Equal(t, bought, kept)
	})
}
