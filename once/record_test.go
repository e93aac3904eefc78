package once_test

import (
	"context"
	"errors"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
	"github.com/qianfan-go/computeunit/once/internal/store"
)

// What the constraints hold is what counts.
func TestTheColumnsAreBelieved(t *testing.T) {
	inBench(t, func(b *bench) {
		b.bought("a")
		b.alter("a", func(row *store.Record) { row.InstanceID = "instance-9" })
		b.Equal("instance-9", b.purchase("a").InstanceID)
	})
}

// Somebody edited it, or the table pads or cuts off what is written.
func TestARowThatIsNoPurchaseIsNotFreeToBuy(t *testing.T) {
	for _, state := range []string{"sending ", "send", "SENDING", "", "bought"} { // the last one without an id
		inBench(t, func(b *bench) {
			b.lag(time.Hour)
			b.leaveUnknown("a", proof.LoseAnswer)
			b.alter("a", func(row *store.Record) { row.State = state })
			_, err := b.buy("a")
			b.says("unknown, pending", err)
			b.ErrorContains(err, "none of a purchase")
			b.Equal(1, b.sent)
		})
	}
}

// A record of a later format is refused with a clear error, and left alone.
func TestWhatALaterVersionWroteIsLeftAlone(t *testing.T) {
	inBenches(t, map[string]string{
		"a later format": `{"format":2,"key":"a"}`, "another type": `{"format":1,"key":1}`, "no object": `[]`, "an empty object": `{}`,
	}, func(b *bench, _, data string) {
		b.leaveUnknown("a", proof.Lose)
		later := b.alter("a", func(row *store.Record) { row.Version, row.State, row.Data = "later", "reserved", []byte(data) })
		time.Sleep(time.Hour)

		buyer := b.process()
		_, err := buyer.Buy(b.within(time.Hour), "a", prepaid)
		b.says("unknown, pending", err)
		_, other := buyer.Buy(b.within(time.Hour), "b", prepaid)
		b.says("not purchased, pending", other)
		settled, settling := buyer.Settle(b.ctx)
		b.Len(settled, 1)
		_, _, looking := buyer.Lookup(b.ctx, "a")
		_, finding := b.found(once.Found{OrderID: "o"})
		_, denying := b.none()
		for _, err := range []error{err, settling, looking, finding, denying, buyer.Check(b.ctx)} {
			b.ErrorContains(err, "later version")
		}
		b.Equal(1, b.sent)
		b.Equal(later, b.alter("a", func(*store.Record) {}))

		b.alter("a", func(row *store.Record) { row.Version, row.OpenService = "settled", "" })
		b.NoError(b.process().Check(b.ctx)) // it reads what is open, and the record of the endpoint, which has the version, too
		b.alter("\x01endpoint", func(row *store.Record) { row.Version, row.Data = "later", []byte(`{"format":2}`) })
		b.ErrorContains(b.process().Check(b.ctx), "later version")
	})
}

// What people and proxies write can be in any encoding. A Purchase is JSON both ways.
func TestARefusalIsText(t *testing.T) {
	inBench(t, func(b *bench) {
		ctx := computeunit.ContextWithHooks(b.ctx, computeunit.Hooks{BeforeAttempt: func(context.Context, computeunit.AttemptInfo) error {
			return errors.New("\xd3\xe0\xb6\xee")
		}})
		p, err := b.process().Buy(ctx, "a", prepaid)
		b.says("not purchased", err)
		b.True(utf8.ValidString(p.Refusal), p.Refusal)
		b.Equal(p, b.purchase("a"))
	})
}

// It is only written once more, as it is: what can be read need not be on the standby that has to have it.
func TestAWriteThatWasDoneAlthoughItFailedIsNotDoneAgain(t *testing.T) {
	inBench(t, func(b *bench) {
		b.bought("a") // the endpoint is known then
		statements, began := 0, time.Now()
		b.directs(func(kind proof.Kind) proof.Fate {
			if kind == proof.Journal {
				statements++
			}
			if kind == proof.Journal && statements%2 == 0 { // each write, which is read then, twice
				return proof.FailAfter
			}
			return proof.Go
		})
		b.bought("b")
		b.Less(time.Since(began), time.Second)
	})
}

// The synchronous standby is away: what is written can be read, and no write is confirmed in time.
func TestWhatCanOnlyBeReadIsNotBelieved(t *testing.T) {
	inBench(t, func(b *bench) {
		b.bought("a") // the endpoint is known then
		statements := 0
		b.directs(func(kind proof.Kind) proof.Fate {
			if kind == proof.Journal {
				statements++
			}
			if kind == proof.Journal && (statements == 3 || statements == 5) { // sending is written, read, and written once more
				time.Sleep(5*time.Second + time.Millisecond)
				return proof.FailAfter
			}
			return proof.Go
		})
		_, err := b.buy("b")
		b.says("not purchased, pending", err)
		b.Equal(1, b.sent)
		b.Empty(b.purchase("b").Evidence) // it is nobody's answer
	})
}

func TestAWriteIsTriedForTenSeconds(t *testing.T) {
	inBench(t, func(b *bench) {
		b.journalIsAway(proof.List, time.Hour)
		began := time.Now()
		_, err := b.buy("a")
		b.says("unknown, pending", err)
		b.ErrorContains(err, "writing the journal: ")
		b.ErrorContains(err, "the connection was cut")
		b.Equal(20*time.Second, time.Since(began)) // for sending, and then for not purchased
		b.Zero(b.sent)
	})
}

// The journal's clock decides: here it was put back by an hour.
func TestARecordOfTheFutureIsIdle(t *testing.T) {
	inBench(t, func(b *bench) {
		b.crashAt(proof.List)
		b.clock = -time.Hour
		b.Empty(b.settle())
		b.is(once.StateNotPurchased, "a")
	})
}
