package proof

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
)

var soakSize = flag.Int("soak", 5_000, "how many purchases TestSoak makes")

// maxGrowth is less than what a pointer kept for each purchase would add, in the short version too.
const maxGrowth = 256 << 10

// TestSoak makes many purchases, each for another service, and looks at one tenth and at the end at what the process holds on to.
func TestSoak(t *testing.T) {
	server := startServer(t, serveSimulator)
	client := newClient(t, server.url)
	var number atomic.Int64
	buyer := contender{"this client", func(ctx context.Context) error {
		_, err := client.PurchaseComputeUnit(ctx, computeunit.PurchaseComputeUnitRequest{
			ServiceID: fmt.Sprintf("svco-soak-%d", number.Add(1)), Billing: computeunit.Postpaid(), ReplicasCount: 1,
		})
		return err
	}}

	start := hold(client, runtime.NumGoroutine())
	started := time.Now()
	require.NoError(t, buyWith(buyer, benchCallers, *soakSize/10))
	tenth := hold(client, start.goroutines)
	require.NoError(t, buyWith(buyer, benchCallers, *soakSize-*soakSize/10))
	end := hold(client, start.goroutines)

	t.Logf("%d purchases, %d callers, %d connections, %s\n\n%s", *soakSize, benchCallers, server.connections(t),
		time.Since(started).Round(time.Second), holdTable(start, tenth, end))
	assert.Less(t, end.heap, tenth.heap+maxGrowth, "heap after garbage collection")
	assert.Equal(t, start.goroutines, end.goroutines, "goroutines")
	assert.Equal(t, tenth.descriptors, end.descriptors, "file descriptors")
}

// held is what the process holds on to while nothing is bought.
type held struct {
	heap        uint64 // bytes, after garbage collection
	goroutines  int
	descriptors int // -1 if the system does not say
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

func holdTable(start, tenth, end held) string {
	var table strings.Builder
	table.WriteString("| | before | at one tenth | at the end |\n|---|---|---|---|\n")
	fmt.Fprintf(&table, "| heap after garbage collection, KiB | %d | %d | %d |\n", start.heap>>10, tenth.heap>>10, end.heap>>10)
	fmt.Fprintf(&table, "| goroutines | %d | %d | %d |\n", start.goroutines, tenth.goroutines, end.goroutines)
	fmt.Fprintf(&table, "| file descriptors | %d | %d | %d |\n", start.descriptors, tenth.descriptors, end.descriptors)
	return table.String()
}
