package once_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/proof/model"
	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
	"github.com/qianfan-go/computeunit/once/internal/store"
)

func TestLookup(t *testing.T) {
	inBench(t, func(b *bench) {
		none, found, err := b.process().Lookup(b.ctx, "a")
		b.NoError(err)
		b.False(found)
		b.Zero(none)
		b.lag(time.Minute)
		b.leaveUnknown("a", proof.LoseAnswer)
		time.Sleep(time.Hour)
		b.always(proof.List, proof.Fail) // it asks the service nothing
		b.is(once.StateSending, "a")
		b.always(proof.Journal, proof.Fail)
		_, _, err = b.process().Lookup(b.ctx, "a")
		b.ErrorContains(err, `key "a"`)
	})
}

func TestSettleReturnsWhatWasOpenAsItIsNow(t *testing.T) {
	inBench(t, func(b *bench) {
		b.crashAt(proof.Received)
		time.Sleep(time.Minute)
		settled, err := b.process().Settle(b.ctx)
		b.NoError(err)
		b.Equal([]once.Purchase{b.purchase("a")}, settled)
		b.Equal("instance-1", settled[0].InstanceID)
		b.False(settled[0].Open())
		b.leaveUnknown("b", proof.Lose)
		b.Equal([]once.Purchase{b.purchase("b")}, b.settle())
		b.Equal(2, b.sent)
	})
}

// Which is what people want to see first.
func TestSettleReturnsTheOldestFirst(t *testing.T) {
	inBench(t, func(b *bench) {
		for _, key := range []string{"c", "a", "b"} {
			b.fates(proof.Lose)
			_, err := b.process().Buy(b.ctx, key, model.Prepaid("svco-"+key))
			b.Error(err)
		}
		for range 3 {
			settled := b.settle()
			b.Equal([]string{"c", "a", "b"}, []string{settled[0].Key, settled[1].Key, settled[2].Key})
		}
	})
}

// What was sent is looked for when its sender's time-out has passed, whatever WithTakeoverAfter is.
func TestBuyLooksAsSoonAsTheSendersTimeoutHasPassed(t *testing.T) {
	inBench(t, func(b *bench) {
		b.at(proof.Received, func() { time.Sleep(2 * time.Hour) })
		go b.buy("a")
		time.Sleep(time.Second)
		buyer, began := b.process(once.WithTakeoverAfter(time.Hour)), time.Now()
		bought, err := buyer.Buy(b.ctx, "a", prepaid)
		b.NoError(err)
		b.Equal(once.EvidenceListing, bought.Evidence)
		b.InDelta(30, time.Since(began).Seconds(), 3)
		time.Sleep(2 * time.Hour)
	})
}

// One service's slowness costs its own keys only.
func TestSettleDoesNotStarveBehindAServiceThatDoesNotAnswer(t *testing.T) {
	inBench(t, func(b *bench) {
		b.lag(time.Minute)
		for i := range 20 {
			request := prepaid
			request.ServiceID = fmt.Sprint("svco-", i)
			b.fates(proof.LoseAnswer)
			b.process().Buy(b.ctx, fmt.Sprint("key-", i), request)
		}
		time.Sleep(time.Hour)
		b.at(proof.List, func() { time.Sleep(24 * time.Hour) })
		settled, err := b.process().Settle(b.within(time.Minute))
		b.ErrorContains(err, `key "key-`)
		b.Len(settled, 20)
		time.Sleep(24 * time.Hour)
		b.always(proof.List, proof.Fail)
		open, err := b.process().Settle(b.ctx)
		b.Error(err)
		b.Len(open, 1)
	})
}

// Also if the caller has none.
func TestSettleHasALimitForEachKey(t *testing.T) {
	inBench(t, func(b *bench) {
		b.leaveUnknown("a", proof.Lose)
		client, err := model.NewClient(&model.Service{Between: func(r *http.Request, _ func() *http.Response) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}}, computeunit.WithMaxAttempts(10))
		b.NoError(err)
		buyer, err := once.New(client, once.JournalOf(b.records))
		b.NoError(err)
		began := time.Now()
		_, err = buyer.Settle(b.ctx)
		b.Error(err)
		b.LessOrEqual(time.Since(began), 41*time.Second, "the client's time-out and 10 s")
	})
}

func TestSettleNamesWhatItCouldNotReadAgain(t *testing.T) {
	inBench(t, func(b *bench) {
		b.leaveUnknown("a", proof.Lose)
		statements := 0
		b.directs(func(proof.Kind) proof.Fate {
			if statements++; statements > 2 { // the endpoint, and what is open
				return proof.Fail
			}
			return proof.Go
		})
		settled, err := b.process().Settle(b.ctx)
		b.Error(err)
		b.Equal("a", settled[0].Key)
		b.True(settled[0].Open())
	})
}

// Candidates. TestSchedule holds what a listing settles against the ledger.

func TestBuyFindsTheOrderOfALostAnswer(t *testing.T) {
	inBench(t, func(b *bench) {
		b.world.Add("older")
		b.fates(proof.LoseAnswer)
		bought := b.bought("a")
		b.Equal("instance-1", bought.InstanceID)
		b.Equal(30*time.Second, bought.ListedAt.Sub(bought.Before.Date))
		b.Equal([]string{"older"}, bought.Before.InstanceIDs)
	})
}

func TestTheListingNamesTheInstanceOfAnOrder(t *testing.T) {
	inBench(t, func(b *bench) {
		b.fates(proof.OrderOnly)
		b.True(b.bought("a").Open())
		b.Empty(b.settle())
		settled := b.purchase("a")
		b.Equal("instance-1", settled.InstanceID)
		b.Equal(once.EvidenceAnswer, settled.Evidence)
		b.Equal(once.EvidenceListing, settled.NamedBy)
	})
}

// A candidate has to be in two listings, whose Dates are at least a second apart: a copy of the first is not a second one.
func TestACandidateThatIsListedOnceIsNotTaken(t *testing.T) {
	inBench(t, func(b *bench) {
		b.leaveUnknown("a", proof.Lose)
		b.world.Add("outside")
		b.directs(func(kind proof.Kind) proof.Fate {
			if kind == proof.List {
				b.world.Offset -= time.Second
			}
			return proof.Go
		})
		open := b.settle()
		b.Len(open, 1)
		b.Equal([]string{"outside"}, open[0].Candidates)
	})
}

// Which of several was ours, or neither, no later listing can say.
func TestSeveralCandidatesEverNeedAPerson(t *testing.T) {
	inBench(t, func(b *bench) {
		b.leaveUnknown("a", proof.Lose)
		b.world.Add("outside-1")
		b.world.Add("outside-2")
		for range 3 {
			open := b.settle()
			b.Len(open, 1)
			b.Equal([]string{"outside-1", "outside-2"}, open[0].Candidates)
			b.world.Release("outside-2")
		}
		b.Equal([]string{"outside-1", "outside-2"}, b.blocked("b").Candidates)
	})
}

// What an answer names for another key was never a candidate.
func TestACandidateThatBecomesAnotherKeysIsNone(t *testing.T) {
	inBench(t, func(b *bench) {
		b.lag(time.Hour)
		b.leaveUnknown("a", proof.LoseAnswer)
		b.world.Add("outside-1")
		b.world.Add("outside-2")
		b.Len(b.settle()[0].Candidates, 2)
		for _, id := range b.purchase("a").Candidates {
			done, err := b.records.Put(b.ctx, "", store.Record{Key: "of " + id, Version: "v", InstanceID: id, Data: []byte(`{}`)})
			b.NoError(err)
			b.True(done)
		}
		time.Sleep(time.Hour)
		b.Empty(b.settle())
		b.Equal("instance-1", b.purchase("a").InstanceID)
	})
}

func TestAnInstanceOfAnotherTimingOrSizeIsNoCandidate(t *testing.T) {
	inBench(t, func(b *bench) {
		b.leaveUnknown("a", proof.Lose)
		larger := prepaid
		larger.ReplicasCount = 2
		b.world.AddLike("postpaid", postpaid)
		b.world.AddLike("larger", larger)
		b.Empty(b.settle()[0].Candidates)
		b.world.Add("fits")
		b.Empty(b.settle())
		b.Equal("fits", b.purchase("a").InstanceID)
	})
}

// It is a mistake, as t.FailNow in a hook is, and must not read as settled.
func TestAHookThatEndsItsGoroutineIsAnErrorOfSettle(t *testing.T) {
	inBench(t, func(b *bench) {
		b.leaveUnknown("a", proof.Lose)
		ctx := computeunit.ContextWithHooks(b.ctx, computeunit.Hooks{
			BeforeAttempt: func(context.Context, computeunit.AttemptInfo) error { runtime.Goexit(); return nil },
		})
		_, err := b.process().Settle(ctx)
		b.ErrorContains(err, `key "a": a hook ended`)
	})
}
