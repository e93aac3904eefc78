package proof

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/proof/model"
)

var soakSize = flag.Int("soak", 5_000, "how many purchases TestSoak makes")

// maxGrowth is less than what a pointer kept for each purchase would add, in the short version too.
const maxGrowth = 256 << 10

// TestSoak makes many purchases, each for another service, and looks at one tenth and at the end at what the process holds on to.
func TestSoak(t *testing.T) {
	listener := listen(t)
	go model.AnswerAll(listener)
	defer listener.Close()
	client := newClient(t, "http://"+listener.Addr().String())

	start := hold(client, runtime.NumGoroutine())
	started := time.Now()
	buyMany(t, client, *soakSize/10)
	tenth := hold(client, start.goroutines)
	buyMany(t, client, *soakSize-*soakSize/10)
	end := hold(client, start.goroutines)

	t.Logf("%d purchases, %s\n| | heap after garbage collection, KiB | goroutines | file descriptors |\n|---|---|---|---|\n"+
		"| before %s\n| at one tenth %s\n| at the end %s", *soakSize, time.Since(started).Round(time.Second), start, tenth, end)
	assert.Less(t, end.heap, tenth.heap+maxGrowth, "heap after garbage collection")
	assert.Equal(t, start.goroutines, end.goroutines, "goroutines")
	assert.Equal(t, tenth.descriptors, end.descriptors, "file descriptors")
}

func buyMany(t *testing.T, client *computeunit.Client, count int) {
	share(count, func(n int) {
		_, err := client.PurchaseComputeUnit(t.Context(), prepaidFor(fmt.Sprintf("svco-%d", n)))
		assert.NoError(t, err)
	})
}

// held is what the process holds on to while nothing is bought.
type held struct {
	heap        uint64 // bytes, after garbage collection
	goroutines  int
	descriptors int // -1 if the system does not say
}

func (h held) String() string {
	return fmt.Sprintf("| %d | %d | %d |", h.heap>>10, h.goroutines, h.descriptors)
}

// hold closes idle connections, and gives their goroutines a while to end.
func hold(client *computeunit.Client, goroutines int) (now held) {
	client.CloseIdleConnections()
	for patience := 1000; runtime.NumGoroutine() > goroutines && patience > 0; patience-- {
		time.Sleep(10 * time.Millisecond)
	}
	runtime.GC()
	runtime.GC() // empties sync.Pools
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return held{heap: memory.HeapAlloc, goroutines: runtime.NumGoroutine(), descriptors: countDescriptors()}
}

func countDescriptors() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return -1
	}
	return len(entries)
}
