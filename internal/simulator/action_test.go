package simulator_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/qianfan-go/computeunit/internal/simulator"
)

func TestAFaultOfConfigCanBeForTheFirstAttemptsOfEachService(t *testing.T) {
	s := serve(t, simulator.Config{Fault: func(simulator.Request) simulator.Fault {
		return simulator.Fault{Status: 500, Attempts: 2}
	}})
	client := s.client()
	var outcomes []simulator.Truth
	for _, id := range []string{"svco-1", "svco-1", "svco-2", "svco-1", "svco-2", "svco-2"} {
		outcomes = append(outcomes, outcome(s.buy(client, id)))
	}
	unknown, bought := simulator.MustNotKnow, simulator.MustBuy
	assert.Equal(t, []simulator.Truth{unknown, unknown, unknown, bought, unknown, bought}, outcomes)
}

// Only what would be a purchase meets a fault.
func TestAWrongRequestTakesNoFault(t *testing.T) {
	s := serve(t, simulator.Config{})
	s.Inject(simulator.Fault{Status: 500})
	assert.Equal(t, 400, s.call(buying, `{}`).status)
	assert.Equal(t, 500, s.call(buying, postpaid).status)
}
