package transport

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestClockIsCorrectedByTheDateAtItsReceipt(t *testing.T) {
	received := time.Now().Add(-time.Minute)
	var c clock
	date := received.Add(time.Hour).UTC().Format(http.TimeFormat)
	assert.True(t, c.correct(&Attempt{Header: http.Header{"Date": {date}}, ReceivedAt: received}))
	assert.WithinDuration(t, time.Now().Add(time.Hour), c.now(), 10*time.Second)
}

func TestClockStaysWithoutADate(t *testing.T) {
	var c clock
	for _, header := range []http.Header{nil, {"Date": {"soon"}}} {
		assert.False(t, c.correct(&Attempt{Header: header}))
		assert.Zero(t, c.offset.Load())
	}
}
