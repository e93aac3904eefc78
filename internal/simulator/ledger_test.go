package simulator_test

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/qianfan-go/computeunit/internal/simulator"
)

func TestAPriceThatIsNoInt64IsTooHigh(t *testing.T) {
	s := serve(t, simulator.Config{Stock: math.MaxInt, Balance: 1})
	all := fmt.Sprintf(`"replicasCount":%d`, math.MaxInt)
	assert.Equal(t, "SimulatorOutOfBalance", s.call(buying, strings.Replace(example, `"replicasCount":5`, all, 1)).Code)
}

func TestTheLedgerIsRightWithManyCallers(t *testing.T) {
	s := serve(t, simulator.Config{Stock: 25})
	client := s.client()
	var callers sync.WaitGroup
	for range 10 {
		callers.Go(func() {
			for range 5 {
				_ = s.buy(client, "svco-1")
				for _, order := range s.Orders() {
					s.call(release, releasing("svco-1", order.InstanceID))
				}
			}
		})
	}
	callers.Wait()
	sold := map[string]bool{}
	for _, order := range s.Orders() {
		sold[order.InstanceID] = true
	}
	assert.Len(t, sold, 25)
	released := map[string]bool{}
	for _, one := range s.Releases() {
		released[one.InstanceID] = true
	}
	assert.Equal(t, sold, released)
	assert.Len(t, s.Releases(), 25)
}
