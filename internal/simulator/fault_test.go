package simulator_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/qianfan-go/computeunit/internal/simulator"
)

func TestAFaultThatCannotBeIsRefused(t *testing.T) {
	for name, fault := range map[string]simulator.Fault{
		"no such kind":      {Kind: "other"},
		"negative delay":    {Delay: -1},
		"negative hold":     {Hold: -1},
		"negative attempts": {Attempts: -1},
		"status 199":        {Status: 199},
		"status 600":        {Status: 600},
		"denies its order":  {Status: 403, When: simulator.AfterOrder},
	} {
		assert.Error(t, fault.Valid(), name)
		s := serve(t, simulator.Config{
			Fault:     func(simulator.Request) simulator.Fault { return fault },
			ReadFault: func(simulator.Request) simulator.Fault { return simulator.Fault{Status: 1} },
		})
		assert.Panics(t, func() { s.Inject(fault) }, name)
		assert.Panics(t, func() { s.InjectRead(fault) }, name)
		assert.Panics(t, func() { s.InjectRelease(fault) }, name)
		for action, body := range map[string]string{buying: postpaid, listing: ofOne} {
			got := s.call(action, body)
			assert.Equal(t, 500, got.status, name)
			assert.Equal(t, "SimulatorInvalidFault", got.Code, name)
		}
		assert.Empty(t, s.Orders(), name)
	}
}
