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
)

func TestSendingIsWrittenBeforeTheRequestLeaves(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.world.Add("older")
		var sending once.Purchase
		b.at(proof.Request, func() { sending = b.purchase("a") })
		bought, err := b.buy("a")
		require.NoError(t, err)
		assert.Equal(t, once.StateSending, sending.State)
		assert.Equal(t, bought.RequestID, sending.RequestID)
		assert.Equal(t, time.Now().Add(5*time.Minute).UTC(), sending.SignatureExpires)
		assert.Equal(t, once.Listing{Date: time.Now().UTC(), InstanceIDs: []string{"older"}}, sending.Before)
	})
}

func TestARefusalIsWrittenBeforeTheWaitForAnotherAttempt(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.throttle(time.Minute)
		go b.buy("a")
		time.Sleep(time.Second)
		assert.Equal(t, once.StatePreparing, b.purchase("a").State)
		time.Sleep(time.Minute)
		assert.Equal(t, once.StateBought, b.purchase("a").State)
	})
}

func TestThereIsNoOtherAttemptIfTheRefusalCanNotBeWritten(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.fates(proof.RefuseRetry)
		b.journalIsAway(proof.Received, time.Hour)
		_, err := b.buy("a")
		assert.Equal(t, "unknown, pending", outcome(t, err), "it is not purchased, and the record does not say so")
		assert.Equal(t, 1, b.sent)
	})
}

// The service tolerates this clock. A fence that far in the future would keep a person from settling anything.
func TestNothingIsSentWithAClockThatIsFarAhead(t *testing.T) {
	early, date := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	assert.NoError(t, once.CheckFence(early.Add(10*time.Minute), date))
	assert.ErrorContains(t, once.CheckFence(early.Add(10*time.Minute+time.Second), date), "clock")
}

func TestWhoLostAClaimFindsOutBeforeItSends(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.at(proof.List, func() { time.Sleep(5 * time.Minute) })
		done := make(chan once.Purchase)
		go func() {
			bought, err := b.buy("a")
			assert.NoError(t, err)
			done <- bought
		}()
		time.Sleep(time.Second)
		bought, err := b.buy("a")
		require.NoError(t, err)
		assert.Equal(t, bought, <-done)
		assert.Equal(t, 1, b.sent)
	})
}

// Rule 7.

func TestAnAnswerIsWrittenOverAListing(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.lag(10 * time.Hour)
		bought := b.buySlowly("a", new(logged))
		b.world.Add("outside")
		require.Empty(t, b.settle())
		require.Equal(t, "outside", b.purchase("a").InstanceID)
		require.NotZero(t, b.purchase("a").ListedAt)
		answered := <-bought
		assert.Equal(t, "instance-1", answered.InstanceID)
		assert.Equal(t, once.EvidenceAnswer, answered.Evidence)
		assert.Zero(t, answered.ListedAt, "it was another instance's")
		assert.Equal(t, answered, b.purchase("a"))
	})
}

// Found by a seed: the listing's instance was dropped, and the service closed again that another key had meanwhile.
func TestAnAnswerWithoutAnInstanceIDKeepsTheListings(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.fates(proof.OrderOnly)
		bought := b.buySlowly("a", new(logged))
		require.Empty(t, b.settle())
		answered := <-bought
		assert.Equal(t, "instance-1", answered.InstanceID)
		assert.Equal(t, "order-1", answered.OrderID)
		assert.Equal(t, once.EvidenceListing, answered.NamedBy)
		assert.Equal(t, answered, b.purchase("a"))
	})
}

func TestTwoAnswersForAKeyAreBothKept(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.lag(10 * time.Hour)
		log := new(logged)
		first := b.buySlowly("a", log)
		time.Sleep(40 * time.Minute)
		_, err := b.process().ResolveNotPurchased(t.Context(), "a") // a person who is mistaken
		require.NoError(t, err)
		second, err := b.buy("a")
		require.NoError(t, err)
		bought := <-first
		assert.Equal(t, "instance-2", second.InstanceID)
		assert.Equal(t, "instance-2", bought.InstanceID)
		require.Len(t, bought.Others, 1)
		assert.Equal(t, "instance-1", bought.Others[0].InstanceID)
		assert.Equal(t, "order-1", bought.Others[0].OrderID)
		assert.Equal(t, []string{"bought twice"}, errorsOf(log))
	})
}

// mistaken has a person resolve key a wrongly, whose answer is late.
func mistaken(b *bench, log *logged) (bought chan once.Purchase) {
	b.lag(5 * time.Minute)
	bought = b.buySlowly("a", log)
	_, err := b.process().ResolveBought(b.t.Context(), "a", once.Found{InstanceID: "mistaken", Unlisted: true})
	require.NoError(b.t, err)
	return bought
}

// Key b was given a's instance by a listing.
func TestAnAnswerOpensThePurchaseAgainThatHasItsInstance(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		log := new(logged)
		bought := mistaken(b, log)
		b.leaveUnknown("b", proof.Lose)
		time.Sleep(10 * time.Minute)
		require.Empty(t, b.settle())
		require.Equal(t, "instance-1", b.purchase("b").InstanceID)

		assert.Equal(t, "instance-1", (<-bought).InstanceID)
		again := b.purchase("b")
		assert.Equal(t, once.StateSending, again.State)
		assert.True(t, again.Unknown)
		assert.Empty(t, again.InstanceID)
		assert.Equal(t, []string{"opened again: its instance is another key's"}, errorsOf(log))
		_, err := b.buy("c")
		var blocked *once.BlockedError
		require.ErrorAs(t, err, &blocked)
		assert.Equal(t, "b", blocked.Key, "b keeps the service closed again")
	})
}

// The purchase that is opened again can't close its service while a third key has it, and no listing settles it then.
func TestAPurchaseThatIsOpenedAgainWaitsForItsService(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		bought := mistaken(b, new(logged))
		b.leaveUnknown("b", proof.Lose)
		time.Sleep(10 * time.Minute)
		require.Empty(t, b.settle())
		b.leaveUnknown("c", proof.LoseAnswer)
		<-bought
		for range 2 {
			open := b.settle()
			require.Len(t, open, 1, "c is settled, and b is not given c's instance")
			assert.Equal(t, "b", open[0].Key)
		}
		assert.Equal(t, "instance-2", b.purchase("c").InstanceID)
	})
}

// The answer of key b named its order alone, and a listing gave it a's instance.
func TestTheInstanceThatAListingNamedForAnOrderIsTakenBack(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		bought := mistaken(b, new(logged))
		b.lag(10 * time.Hour)
		b.fates(proof.OrderOnly)
		_, err := b.buy("b")
		require.NoError(t, err)
		time.Sleep(10 * time.Minute)
		require.Empty(t, b.settle())
		require.Equal(t, "instance-1", b.purchase("b").InstanceID)

		assert.Equal(t, "instance-1", (<-bought).InstanceID)
		again := b.purchase("b")
		assert.Equal(t, once.StateBought, again.State, "its order is known")
		assert.Equal(t, "order-2", again.OrderID)
		assert.Empty(t, again.InstanceID)
		b.world.ListAll()
		assert.Empty(t, b.settle())
		assert.Equal(t, "instance-2", b.purchase("b").InstanceID)
	})
}

// Rule 8: what the journal could not take.

func TestAnAnswerThatCanNotBeWrittenIsReturnedAndWrittenLater(t *testing.T) {
	for name, next := range map[string]func(*once.Buyer) error{
		"Buy": func(b *once.Buyer) error {
			p, err := b.Buy(context.Background(), "a", prepaid)
			return errors.Join(err, map[bool]error{false: errors.New("not by the answer")}[p.Evidence == once.EvidenceAnswer])
		},
		"Settle":   func(b *once.Buyer) error { _, err := b.Settle(context.Background()); return err },
		"Shutdown": func(b *once.Buyer) error { return b.Shutdown(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			inBench(t, func(t *testing.T, b *bench) {
				b.lag(time.Hour)
				b.journalIsAway(proof.Received, 30*time.Second)
				log := new(logged)
				buyer := b.process(once.WithLogger(log.logger()))
				bought, err := buyer.Buy(t.Context(), "a", prepaid)
				require.NoError(t, err)
				assert.Equal(t, "instance-1", bought.InstanceID)
				assert.Equal(t, []string{"bought, but the journal can't be written"}, errorsOf(log))
				time.Sleep(30 * time.Second)
				assert.Equal(t, once.StateSending, b.purchase("a").State)
				require.NoError(t, next(buyer))
				assert.Equal(t, bought, b.purchase("a"))
			})
		})
	}
}

func TestARefusalThatCanNotBeWrittenIsWrittenLater(t *testing.T) {
	for _, fate := range []proof.Fate{proof.Refuse, proof.RefuseRetry} {
		inBench(t, func(t *testing.T, b *bench) {
			b.fates(fate)
			b.journalIsAway(proof.Received, 30*time.Second)
			log := new(logged)
			buyer := b.process(once.WithLogger(log.logger()))
			_, err := buyer.Buy(t.Context(), "a", prepaid)
			assert.Equal(t, "unknown, pending", outcome(t, err))
			assert.Len(t, errorsOf(log), 1)
			time.Sleep(30 * time.Second)
			_, err = buyer.Settle(t.Context())
			require.NoError(t, err)
			closed := b.purchase("a")
			assert.Equal(t, once.StateNotPurchased, closed.State)
			assert.Contains(t, closed.Refusal, "HTTP 4")
			_, err = b.buy("b")
			assert.NoError(t, err, "the service is free")
		})
	}
}

// Another process has taken over, and its attempt lives.
func TestAKeptRefusalIsNotWrittenOverALaterClaim(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.fates(proof.Refuse)
		b.journalIsAway(proof.Received, 30*time.Second)
		log := new(logged)
		stale := b.process(once.WithLogger(log.logger()))
		_, err := stale.Buy(t.Context(), "a", prepaid)
		require.Error(t, err)
		b.director(always("", proof.Go))
		time.Sleep(time.Hour)
		_, err = b.process().ResolveNotPurchased(t.Context(), "a")
		require.NoError(t, err)
		b.leaveUnknown("a", proof.Lose)
		_, err = stale.Settle(t.Context())
		require.NoError(t, err)
		assert.Equal(t, once.StateSending, b.purchase("a").State)
		assert.Contains(t, messages(log), "dropped what could not be written")
	})
}

func TestShutdownNamesWhatItCouldNotWrite(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.journalIsAway(proof.Received, time.Hour)
		buyer := b.process()
		bought, err := buyer.Buy(t.Context(), "a", prepaid)
		require.NoError(t, err)
		for _, limit := range []time.Duration{time.Hour, time.Second} {
			began := time.Now()
			err = buyer.Shutdown(within(t, limit))
			for _, text := range []string{`key "a"`, "instance-1", "order-1", bought.RequestID} {
				assert.ErrorContains(t, err, text)
			}
			assert.LessOrEqual(t, time.Since(began), min(limit, 10*time.Second))
		}
		time.Sleep(time.Hour)
		assert.NoError(t, buyer.Shutdown(t.Context()))
	})
}

// A panic in a hook, or while signing, goes on in Buy, and leaves no state.
func TestAPanicLeavesNoState(t *testing.T) {
	for name, test := range map[string]struct {
		hooks   computeunit.Hooks
		state   once.State
		unknown bool
	}{
		"before the attempt": {computeunit.Hooks{BeforeAttempt: func(context.Context, computeunit.AttemptInfo) error { panic("oops") }}, once.StateNotPurchased, false},
		"after it": {computeunit.Hooks{AfterAttempt: func(_ context.Context, a computeunit.AttemptInfo, _ error) error {
			if a.Action == "PurchaseComputeUnit" {
				panic("oops")
			}
			return nil
		}}, once.StateSending, true},
	} {
		t.Run(name, func(t *testing.T) {
			inBench(t, func(t *testing.T, b *bench) {
				ctx := computeunit.ContextWithHooks(t.Context(), test.hooks)
				assert.PanicsWithValue(t, "oops", func() { b.process().Buy(ctx, "a", prepaid) })
				left := b.purchase("a")
				assert.Equal(t, test.state, left.State)
				assert.Equal(t, test.unknown, left.Unknown)
				if test.state == once.StateNotPurchased {
					_, err := b.buy("b")
					assert.NoError(t, err, "the service is free")
				}
			})
		})
	}
}
