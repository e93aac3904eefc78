package transport_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/transport"
)

// doubler answers every other purchase twice, in one write: refused ones with a 403, the rest with an id of their own.
type doubler struct {
	mu      sync.Mutex
	seen    int
	ordered map[string]string // service id to instance id
}

func (d *doubler) serve(conn net.Conn) {
	for reader := bufio.NewReader(conn); ; {
		req, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		var request computeunit.PurchaseComputeUnitRequest
		if json.NewDecoder(req.Body).Decode(&request) != nil {
			return
		}
		io.WriteString(conn, d.answer(request.ServiceID))
	}
}

func (d *doubler) answer(serviceID string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seen++
	if d.seen%4 == 1 {
		return strings.Repeat("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n{}", 2)
	}
	id := fmt.Sprint("i-", d.seen)
	d.ordered[serviceID] = id
	body := fmt.Sprintf(`{"result":{"instanceId":%q}}`, id)
	answer := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	if d.seen%4 == 3 {
		return answer + answer
	}
	return answer
}

func (d *doubler) assertTold(t *testing.T, serviceID string, bought *computeunit.PurchaseComputeUnitResponse, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case err == nil:
		assert.Equal(t, d.ordered[serviceID], bought.Result.InstanceID)
	case errors.Is(err, computeunit.ErrNotPurchased):
		assert.Empty(t, d.ordered[serviceID])
	}
}

// quietLog keeps what net/http reports of unasked responses out of the output.
func quietLog(t *testing.T) {
	log.SetOutput(io.Discard)
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
}

func TestTheSecondResponseToAPurchaseIsNotTakenForTheNextOnes(t *testing.T) {
	quietLog(t)
	service := &doubler{ordered: map[string]string{}}
	client := newClient(t, "http://"+serveRaw(t, service.serve))
	var callers sync.WaitGroup
	for caller := range 8 {
		callers.Go(func() {
			for n := range 200 {
				serviceID := fmt.Sprintf("svco-%d-%d", caller, n)
				bought, err := client.PurchaseComputeUnit(t.Context(), request(serviceID))
				service.assertTold(t, serviceID, bought, err)
			}
		})
	}
	callers.Wait()
}

// The connection is closed at once, as what comes next on it is for nobody that asks: the server notices.
func TestAConnectionWithAStrayResponseIsClosed(t *testing.T) {
	quietLog(t)
	const answer = "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n{}"
	for range 20 { // net/http itself may notice the second response first, and send on another connection
		left := make(chan error, 2)
		address := serveRaw(t, func(conn net.Conn) {
			http.ReadRequest(bufio.NewReader(conn))
			io.WriteString(conn, answer+answer)
			conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			_, err := io.Copy(io.Discard, conn)
			left <- err
		})
		via := newTransport(t, transport.Config{})
		for range 2 {
			sendOnce(t.Context(), t, via, "http://"+address)
		}
		require.NoError(t, <-left)
	}
}
