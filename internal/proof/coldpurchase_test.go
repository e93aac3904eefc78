package proof

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/internal/simulator"
)

// coldContender makes a new client for each series of purchases, if its kind has more than one.
type coldContender struct {
	name string
	ours bool
	new  func() func(context.Context) error
}

func coldContenders(tb testing.TB, endpoint string) []coldContender {
	return []coldContender{
		{"net/http's default client", false, func() func(context.Context) error { return byHand(endpoint, http.DefaultTransport, sdkSigner) }},
		{"bce-sdk-go's BceClient", false, func() func(context.Context) error { return bceClient(tb, endpoint) }},
		{"this client", true, func() func(context.Context) error { return thisClient(tb, endpoint) }},
		{"this client, from a proxy onward", true, func() func(context.Context) error { return thisClient(tb, proxiedHost) }},
	}
}

// coldTrips are the round trips of purchases that each open a connection.
type coldTrips struct {
	first int // of a new client
	later int
}

// Purchases are rare: nearly each opens a connection. This counts the round trips until its answer is there: one for
// TCP, one or two for TLS, one for the request.
func TestColdPurchase(t *testing.T) {
	if !ownTrustsTests {
		t.Skip("Go takes no certificates from a file here, so the default transport cannot trust the server")
	}
	tls13, tls12 := countColdTrips(t, tls.VersionTLS13), countColdTrips(t, tls.VersionTLS12)
	var table strings.Builder
	for i, c := range coldContenders(t, "") {
		fmt.Fprintf(&table, "| %s | %d | %d | %d | %d |\n", c.name, tls13[i].first, tls13[i].later, tls12[i].first, tls12[i].later)
		if c.ours {
			assert.Equal(t, coldTrips{first: 3, later: 3}, tls13[i], "%s, TLS 1.3", c.name)
			assert.Equal(t, coldTrips{first: 4, later: 3}, tls12[i], "%s, TLS 1.2", c.name)
		}
	}
	t.Logf("round trips of a purchase that opens a connection:\n\n"+
		"| | TLS 1.3, the first | later ones | TLS 1.2, the first | later ones |\n|---|---|---|---|---|\n%s", table.String())
}

// countColdTrips takes the least of several: a client that the machine held up between two writes seems to have waited
// for an answer, but none can do with fewer round trips than it takes.
func countColdTrips(t *testing.T, version uint16) (trips []coldTrips) {
	t.Helper()
	link := startSlowLink(t, startColdServer(t, version))
	ownProxy.lead(link.listener.Addr().String(), alwaysHealthy)
	for _, c := range coldContenders(t, "https://"+link.listener.Addr().String()) {
		least := coldTrips{100, 100}
		for range 3 {
			buy := c.new()
			trip := func() int { return link.roundTrips(func() { require.NoError(t, buy(t.Context()), c.name) }) }
			least.first = min(least.first, trip())
			least.later = min(least.later, trip(), trip())
		}
		trips = append(trips, least)
	}
	return trips
}

// startColdServer sells over this version of TLS, and closes the connection after each answer.
func startColdServer(t *testing.T, version uint16) (address string) {
	t.Helper()
	server := httptest.NewUnstartedServer(simulator.New(simulator.Config{}))
	server.TLS = &tls.Config{MinVersion: version, MaxVersion: version}
	server.Config.SetKeepAlivesEnabled(false)
	server.StartTLS()
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "https://")
}
