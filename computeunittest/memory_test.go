package computeunittest_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/computeunittest"
	"github.com/qianfan-go/computeunit/once"
)

func TestAWaitInABubbleTakesNoTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newServer(t)
		server.NextPurchases(computeunittest.Throttled(20 * time.Second))
		began := time.Now()
		assert.Equal(t, "bought", buy(server.Client()))
		assert.WithinRange(t, time.Now(), began.Add(20*time.Second), began.Add(30*time.Second))
		assert.Equal(t, 2, server.Requests())
	})
}

func TestALostAnswerInABubbleIsFoundByOnce(t *testing.T) {
	for name, fault := range map[string]computeunittest.Fault{
		"lost": computeunittest.LoseAnswer(), "late": computeunittest.Delay(time.Hour),
	} {
		synctest.Test(t, func(t *testing.T) {
			server := newServer(t)
			server.NextPurchases(fault)
			buyer, err := once.New(server.Client(computeunit.WithTimeout(10*time.Second)), once.InMemory())
			require.NoError(t, err)
			bought, err := buyer.Buy(t.Context(), "order-1", fiveMonths)
			require.NoError(t, err, name)
			assert.Equal(t, server.Orders()[0].InstanceID, bought.InstanceID, name)
			assert.Len(t, server.Orders(), 1, name)
		})
	}
}

// Only the server's own client gets to a server in memory, and only while it is open; any other finds nobody, and at once.
func TestNobodyListensInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, one := newServer(t), computeunit.WithMaxAttempts(1)
		assert.Equal(t, "not purchased", buy(server.Client(one, computeunit.WithHTTPClient(&http.Client{Transport: &http.Transport{}}))))
		assert.Equal(t, "bought", buy(server.Client(one)))
		server.Close()
		assert.Equal(t, "not purchased", buy(server.Client(one)))
	})
}
