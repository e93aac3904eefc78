package simulator

import (
	"bytes"
	"context"
	"log"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAHeldRequestIsJudgedWhenItArrives(t *testing.T) {
	for name, test := range map[string]struct {
		hold   time.Duration
		leeway time.Duration
		orders int
	}{
		"in time":         {300 * time.Second, 0, 1},
		"expired":         {301 * time.Second, 0, 0},
		"in the leeway":   {301 * time.Second, time.Second, 1},
		"past the leeway": {302 * time.Second, time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(-time.Since(time.Now().Truncate(time.Second).Add(time.Second))) // a signature has whole seconds
				s := New(Config{ExpiryLeeway: test.leeway})
				s.Inject(Fault{Hold: test.hold})
				sent := time.Now()
				_, err := sendInMemory(t, s, 30*time.Second)
				assert.ErrorIs(t, err, context.DeadlineExceeded)
				assert.Empty(t, s.Orders(), "still on its way")

				time.Sleep(test.hold)
				synctest.Wait()
				require.Len(t, s.Orders(), test.orders)
				for _, order := range s.Orders() {
					assert.Equal(t, test.hold, order.CreatedAt.Sub(sent))
					assert.Equal(t, "of-the-client", order.ClientRequestID)
				}
			})
		})
	}
}

func TestAHeldRequestIsAnsweredToAPatientClient(t *testing.T) {
	for hold, status := range map[time.Duration]int{time.Minute: 200, time.Hour: 400} {
		synctest.Test(t, func(t *testing.T) {
			s := New(Config{})
			s.Inject(Fault{Hold: hold})
			response, err := sendInMemory(t, s, 2*time.Hour)
			require.NoError(t, err)
			assert.Equal(t, status, response.StatusCode)
			date, err := http.ParseTime(response.Header.Get("Date"))
			require.NoError(t, err)
			assert.WithinDuration(t, time.Now(), date, time.Second)
		})
	}
}

func TestAClientThatIsResetCanStillHaveBought(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{})
		s.Inject(Fault{Kind: Reset, When: AfterOrder, Hold: time.Minute}, Fault{Kind: Close, Hold: time.Minute})
		started := time.Now()
		for range 2 {
			_, err := sendInMemory(t, s, time.Hour)
			assert.Error(t, err)
		}
		assert.Zero(t, time.Since(started), "the client sees it at once")
		assert.Empty(t, s.Orders())
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Len(t, s.Orders(), 1)
	})
}

func TestAResetClientCanStillHaveBoughtOverTheWire(t *testing.T) {
	s := New(withClock(Config{}))
	s.Inject(Fault{Kind: Reset, When: AfterOrder, Hold: time.Millisecond})
	server, client := newServer(t, s)
	_, err := client.Do(wireRequest(t.Context(), server.URL, purchasePath, postpaidBody))
	assert.Error(t, err)
	assert.Eventually(t, func() bool { return len(s.Orders()) == 1 }, 10*time.Second, time.Millisecond)
}

// A server that writes to a connection which is no longer its own would say so.
func TestNothingIsWrittenToAClientThatIsGone(t *testing.T) {
	var said bytes.Buffer
	var asked atomic.Int64
	s := New(Config{Now: func() time.Time {
		return testTime.Add(time.Duration(asked.Add(1)-1) * time.Hour) // expired when it is judged again
	}})
	s.Inject(Fault{Kind: Reset, When: AfterOrder, Hold: time.Nanosecond})
	judged := make(chan struct{})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.ServeHTTP(w, r)
		close(judged)
	}))
	server.Config.ErrorLog = log.New(&said, "", 0)
	server.Start()
	defer server.Close()
	_, err := server.Client().Do(wireRequest(t.Context(), server.URL, purchasePath, postpaidBody))
	assert.Error(t, err)
	<-judged
	assert.Empty(t, said.String())
	assert.Empty(t, s.Orders())
}

func TestAListingCanBeHeldToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{})
		s.InjectRead(Fault{Hold: 10 * time.Minute})
		c := defaultCaller()
		c.at = time.Now()
		assert.Equal(t, codeRequestExpired, serve(s, c.request(describePath, service1)).Code)
	})
}
