package simulator_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/internal/simulator"
)

func TestAnAnswerHasTheStatusHeadersAndIdsOfItsFault(t *testing.T) {
	now, config := clock()
	s := serve(t, config)
	s.Inject(
		simulator.Fault{Status: 202, When: simulator.AfterOrder, Body: "{requestId} {instanceId} {orderId}", Header: "Retry-After: 7\nX-Bce-Error-Code: Busy"},
		simulator.Fault{Status: 403, DateOff: -time.Hour},
		simulator.Fault{Header: "Date:\nContent-Type:"})
	got, order := s.call(buying, postpaid), s.Orders()[0]
	assert.Equal(t, 202, got.status)
	assert.Equal(t, order.RequestID+" "+order.InstanceID+" "+order.OrderID, got.body)
	assert.Equal(t, []string{"7", "Busy"}, []string{got.header.Get("Retry-After"), got.header.Get("X-Bce-Error-Code")})
	assert.Equal(t, now.Add(-time.Hour).UTC().Format(http.TimeFormat), s.call(buying, postpaid).header.Get("Date"))
	assert.NotContains(t, s.call(buying, postpaid).header, "Date")
}

func TestGzipIsSentIfItIsAskedFor(t *testing.T) {
	s := serve(t, simulator.Config{})
	for accepted, start := range map[string]string{"gzip": "\x1f\x8b", "identity": `{"requestId"`} {
		s.Inject(simulator.Fault{Kind: simulator.Gzip})
		r := s.purchase()
		r.Header.Set("Accept-Encoding", accepted) // so that net/http leaves it to us to unpack
		got := s.send(r)
		assert.True(t, strings.HasPrefix(got.body, start), accepted)
		assert.Equal(t, accepted == "gzip", got.header.Get("Content-Encoding") == "gzip")
	}
}

func TestADelayEndsWithItsTimeOrItsClient(t *testing.T) {
	bubble(t, simulator.Config{}, func(t *testing.T, s *service, client *http.Client) {
		s.Inject(simulator.Fault{Delay: time.Minute}, simulator.Fault{Delay: time.Hour})
		began := time.Now()
		_, err := s.post(client, 2*time.Minute)
		assert.NoError(t, err)
		assert.Equal(t, time.Minute, time.Since(began))
		_, err = s.post(client, 2*time.Minute)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Len(t, s.Orders(), 2)
	})
}

func TestARequestThatIsHeldIsJudgedWhenItArrives(t *testing.T) {
	for name, test := range map[string]struct {
		hold, leeway time.Duration
		status       int
	}{
		"in time":         {300 * time.Second, 0, 200},
		"expired":         {301 * time.Second, 0, 400},
		"in the leeway":   {301 * time.Second, time.Second, 200},
		"past the leeway": {302 * time.Second, time.Second, 400},
	} {
		bubble(t, simulator.Config{ExpiryLeeway: test.leeway}, func(t *testing.T, s *service, client *http.Client) {
			s.Inject(simulator.Fault{Hold: test.hold})
			response, err := s.post(client, time.Hour)
			require.NoError(t, err)
			assert.Equal(t, test.status, response.StatusCode, name)
			assert.Equal(t, time.Now().UTC().Format(http.TimeFormat), response.Header.Get("Date"), name)
			for _, order := range s.Orders() {
				assert.Equal(t, time.Now(), order.CreatedAt, name)
			}
			assert.Equal(t, test.status == 200, len(s.Orders()) == 1, name)
		})
	}
}

func TestARequestThatIsHeldOutlivesItsClient(t *testing.T) {
	bubble(t, simulator.Config{}, func(t *testing.T, s *service, client *http.Client) {
		const hold, expired = time.Minute, time.Hour
		s.Inject(simulator.Fault{Kind: simulator.Reset, When: simulator.AfterOrder, Hold: hold}, simulator.Fault{Kind: simulator.Reset, Hold: expired},
			simulator.Fault{Kind: simulator.Close, Hold: hold}, simulator.Fault{Hold: hold})
		began := time.Now()
		for _, after := range []time.Duration{0, 0, 0, time.Second} { // a broken connection is seen at once
			_, err := s.post(client, time.Second)
			assert.Error(t, err)
			began = began.Add(after)
			assert.Equal(t, began, time.Now())
		}
		assert.Empty(t, s.Orders())
		time.Sleep(2 * time.Hour)
		assert.Len(t, s.Orders(), 2)
	})
}
