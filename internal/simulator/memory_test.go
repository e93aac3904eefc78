package simulator

import (
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestInMemoryAnswersAsTheWireDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{})
		s.Inject(Fault{}, Fault{Kind: ErrorAnswer, Status: 403}, Fault{Kind: EarlyHints, When: AfterOrder},
			Fault{Kind: Twice, When: AfterOrder}, Fault{Kind: EmptyAnswer, Status: 101})
		for _, status := range []int{200, 403, 200, 200, 101} {
			response, err := sendInMemory(t, s, time.Minute)
			require.NoError(t, err)
			assert.Equal(t, status, response.StatusCode)
		}
		for _, kind := range []Kind{Reset, Close, CutLength, CutChunked} {
			s.Inject(Fault{Kind: kind})
			_, err := sendInMemory(t, s, time.Minute)
			assert.Error(t, err)
		}
		assert.Len(t, s.Orders(), 3)
	})
}

func TestInMemoryNeedsABodyThatCanBeRead(t *testing.T) {
	r := defaultCaller().request(purchasePath, "")
	r.Body = io.NopCloser(brokenReader{})
	_, err := InMemory(New(Config{})).RoundTrip(r)
	assert.ErrorContains(t, err, "broken")
}
