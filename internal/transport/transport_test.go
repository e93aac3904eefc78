package transport_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/internal/transport"
)

const host = "https://host.example.com"

func TestDoEndsAtItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := do(t.Context(), t, through(t, answering(429, "")), host, transport.AfterBackoff)
		require.Len(t, got.attempts, 3)
		assert.Len(t, got.waits, 2)
		assert.NoError(t, got.gaveUp)
		for i, a := range got.attempts {
			assert.Equal(t, i+1, a.Number)
		}
		assert.NotEqual(t, got.attempts[0].RequestID, got.attempts[1].RequestID)
	})
}

func TestDoWaitsAsItsCallerAndTheResponseSay(t *testing.T) {
	now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // as in every bubble of synctest
	inAMinute := now.Add(time.Minute).Format(http.TimeFormat)
	for name, row := range map[string]struct {
		again   transport.Again
		headers []string
		want    []time.Duration
	}{
		"never":                           {transport.Never, []string{"Retry-After", "60"}, nil},
		"after backoff":                   {transport.AfterBackoff, []string{"Retry-After", "60"}, []time.Duration{time.Minute, time.Minute}},
		"after Retry-After, seconds":      {transport.AfterRetryAfter, []string{"Retry-After", "60"}, []time.Duration{time.Minute, time.Minute}},
		"after Retry-After, date":         {transport.AfterRetryAfter, []string{"Retry-After", inAMinute, "Date", inAMinute}, []time.Duration{0, 0}},
		"after Retry-After, none":         {transport.AfterRetryAfter, nil, nil},
		"after Retry-After, not readable": {transport.AfterRetryAfter, []string{"Retry-After", "soon"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := do(t.Context(), t, through(t, answering(429, "", row.headers...)), host, row.again)
				assert.Equal(t, row.want, got.waits)
				assert.Len(t, got.attempts, 1+len(row.want))
				assert.NoError(t, got.gaveUp)
			})
		})
	}
}

func TestARetryAfterPastTheDeadlineGivesUpAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		started := time.Now()
		got := do(ctx, t, through(t, answering(429, "", "Retry-After", "60")), host, transport.AfterRetryAfter)
		assert.Len(t, got.attempts, 1)
		assert.Empty(t, got.waits)
		assert.ErrorIs(t, got.gaveUp, context.DeadlineExceeded)
		assert.Zero(t, time.Since(started))
	})
}

func TestAContextThatEndsEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		got := do(ctx, t, through(t, answering(429, "", "Retry-After", "60")), host, transport.AfterRetryAfter)
		assert.Len(t, got.attempts, 1)
		assert.ErrorIs(t, got.gaveUp, context.Canceled)
	})
}

func TestTheClockIsCorrectedOnce(t *testing.T) {
	date := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	got := do(t.Context(), t, through(t, answering(400, "", "Date", date)), host, transport.WithClockCorrected)
	require.Len(t, got.attempts, 2)
	assert.Equal(t, []time.Duration{0}, got.waits)
	ahead := got.attempts[1].SignatureExpires.Sub(got.attempts[0].SignatureExpires)
	assert.InDelta(t, time.Hour, ahead, float64(10*time.Second))
}

func TestTheClockIsNotCorrectedWithoutADate(t *testing.T) {
	got := do(t.Context(), t, through(t, answering(400, "", "Date", "soon")), host, transport.WithClockCorrected)
	assert.Len(t, got.attempts, 1)
}

func TestNewCopiesTheCallersClient(t *testing.T) {
	client := &http.Client{Timeout: time.Second, Transport: answering(200, "")}
	made := newTransport(t, transport.Config{Client: client})
	client.Transport, client.Timeout = answering(500, ""), time.Hour
	assert.Equal(t, time.Second, made.Timeout())
	assert.Equal(t, 200, sendOnce(t.Context(), t, made, host).Status)
}

func TestTheShorterTimeoutCounts(t *testing.T) {
	for ofClient, want := range map[time.Duration]time.Duration{0: time.Minute, time.Second: time.Second, time.Hour: time.Minute} {
		assert.Equal(t, want, newTransport(t, transport.Config{Client: &http.Client{Timeout: ofClient}}).Timeout())
	}
	assert.Equal(t, time.Minute, newTransport(t, transport.Config{}).Timeout())
}

// drain answers a request, after it has read it.
var drain = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })

func TestCloseIdleConnectionsClosesTheOwnOnly(t *testing.T) {
	for name, row := range map[string]struct {
		made *transport.Transport
		want int64
	}{
		"own":      {newTransport(t, transport.Config{}), 2},
		"caller's": {through(t, &http.Transport{}), 1},
	} {
		t.Run(name, func(t *testing.T) {
			counted := server(t, drain)
			opened := countOpened(counted)
			counted.Start()
			sendOnce(t.Context(), t, row.made, counted.URL)
			row.made.CloseIdleConnections()
			sendOnce(t.Context(), t, row.made, counted.URL)
			assert.Equal(t, row.want, opened.Load())
		})
	}
}

// The race detector is what makes this test one.
func TestATransportInUseCanBePrinted(t *testing.T) {
	date := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	via := through(t, answering(400, "", "Date", date))
	var users sync.WaitGroup
	users.Go(func() { do(t.Context(), t, via, host, transport.WithClockCorrected) })
	assert.NotContains(t, fmt.Sprintf("%v %+v", via, via), "sk")
	users.Wait()
}
