package proof

import (
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var benchRounds = flag.Int("bench-rounds", 2, "how many rounds TestBench compares the contenders in")

// TestBench prints the comparison. Times are compared in pairs only: in each round every contender does the same block
// of work, in an order that changes, and is held against the floors' blocks of that round. The table has the medians of
// these ratios, because the machine's pace changes more from one second to the next than the contenders differ.
// Nothing is asserted of time; allocations do not depend on the machine.
func TestBench(t *testing.T) {
	skipIfRacy(t)
	server := startServer(t, serveAnswer)
	compared := contenders(t, server.url)
	connections := countConnections(t, server, compared) // first: connections are kept
	one := measure(t, compared, 1, 500)
	many := measure(t, compared, benchCallers, 1000)
	allocations := countAllocations(t, compared)

	t.Logf("%s, %s, %d cores, %d rounds, ratios to net/http by hand, bare and signed by bce-sdk-go:\n\n%s", time.Now().UTC().Format(time.DateOnly),
		runtime.Version(), runtime.GOMAXPROCS(0), *benchRounds, benchTable(compared, one, many, allocations, connections))
	for i, c := range compared {
		t.Logf("half of the rounds, to the signed floor: one caller %s, %d callers %s; %d allocations: %s",
			quartiles(one.ratios(i, signedFloor)), benchCallers, quartiles(many.ratios(i, signedFloor)), allocations[i], c.name)
	}
	assert.Less(t, float64(allocations[2]), 1.2*float64(allocations[signedFloor]), "allocations of a purchase")
}

func benchTable(compared []contender, one, many rounds, allocations, connections []int) string {
	var table strings.Builder
	fmt.Fprintf(&table, "| | time, one caller: bare | signed | time, %d callers: bare | signed | allocations: bare | signed | "+
		"connections, %d callers × 50 |\n|---|---|---|---|---|---|---|---|\n", benchCallers, benchCallers)
	for i, c := range compared {
		fmt.Fprintf(&table, "| %s | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f | %d |\n", c.name,
			median(one.ratios(i, bareFloor)), median(one.ratios(i, signedFloor)),
			median(many.ratios(i, bareFloor)), median(many.ratios(i, signedFloor)),
			float64(allocations[i])/float64(allocations[bareFloor]), float64(allocations[i])/float64(allocations[signedFloor]),
			connections[i])
	}
	return table.String()
}

// rounds are the seconds that each contender's block took, round by round.
type rounds [][]float64

// ratios are those of one contender's blocks to another's in the same rounds.
func (r rounds) ratios(contender, floor int) (ratios []float64) {
	for _, took := range r {
		ratios = append(ratios, took[contender]/took[floor])
	}
	return ratios
}

func measure(t *testing.T, compared []contender, callers, count int) (result rounds) {
	t.Helper()
	for round := range *benchRounds {
		took := make([]float64, len(compared))
		for _, i := range order(len(compared), round) {
			require.NoError(t, buyWith(compared[i], callers, 2*callers)) // nobody pays for connections that idled too long
			runtime.GC()                                                 // or for another's garbage
			started := time.Now()
			require.NoError(t, buyWith(compared[i], callers, count))
			took[i] = time.Since(started).Seconds()
		}
		result = append(result, took)
	}
	return result
}

// order changes who goes first, and who comes after whom.
func order(n, round int) []int {
	indices := make([]int, n)
	for i := range indices {
		indices[i] = (round + i) % n
	}
	if round/n%2 == 1 {
		slices.Reverse(indices)
	}
	return indices
}

func countConnections(t *testing.T, server *serverProcess, compared []contender) (opened []int) {
	t.Helper()
	for _, c := range compared {
		before := server.connections(t)
		require.NoError(t, buyWith(c, benchCallers, benchCallers*50))
		opened = append(opened, server.connections(t)-before)
	}
	return opened
}

func countAllocations(t *testing.T, compared []contender) (allocations []int) {
	t.Helper()
	const count = 1000
	for _, c := range compared {
		require.NoError(t, buyWith(c, 1, count)) // warm
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		require.NoError(t, buyWith(c, 1, count))
		runtime.ReadMemStats(&after)
		allocations = append(allocations, int((after.Mallocs-before.Mallocs+count/2)/count))
	}
	return allocations
}

func median(values []float64) float64 { return quantile(values, 0.5) }

func quartiles(values []float64) string {
	return fmt.Sprintf("%.2f to %.2f", quantile(values, 0.25), quantile(values, 0.75))
}

func quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

// For profiles: go test -run '^$' -bench Purchase -cpuprofile cpu.out ./internal/proof
func BenchmarkPurchase(b *testing.B) {
	server := startServer(b, serveAnswer)
	for _, callers := range []int{1, benchCallers} {
		for _, c := range contenders(b, server.url) {
			b.Run(fmt.Sprintf("callers=%d/%s", callers, c.name), func(b *testing.B) {
				require.NoError(b, buyWith(c, callers, 2*callers)) // opens the connections
				b.ReportAllocs()
				b.ResetTimer()
				require.NoError(b, buyWith(c, callers, b.N))
			})
		}
	}
}
