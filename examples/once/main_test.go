package main

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/computeunittest"
	"github.com/qianfan-go/computeunit/once"
)

const order = `{"key":"order-1","service":"svco-48esssdpa594","months":1,"replicas":1}`

// The request is sent and the order made; the process is killed before the answer arrives.
func TestKilledBetweenSendingAndAnswerItHasOneOrderAndNamesIt(t *testing.T) {
	service := computeunittest.NewServer()
	defer service.Close()
	service.NextPurchases(computeunittest.Delay(time.Hour))
	shop := newShop(t, service)

	killed := shop.start(t)
	go shop.post(order)
	require.Eventually(t, func() bool { return len(service.Orders()) == 1 }, time.Minute, 10*time.Millisecond)
	require.NoError(t, killed.Process.Kill())
	_ = killed.Wait()

	shop.start(t)
	status, body := shop.post(order)
	require.Equal(t, http.StatusOK, status, body)
	var bought once.Purchase
	require.NoError(t, json.Unmarshal([]byte(body), &bought))
	orders := service.Orders()
	require.Len(t, orders, 1)
	assert.Equal(t, orders[0].InstanceID, bought.InstanceID)
}

func TestToldToEndItFirstGivesTheAnswer(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no SIGTERM to send there")
	}
	service := computeunittest.NewServer()
	defer service.Close()
	service.NextPurchases(computeunittest.Delay(2 * time.Second))
	shop := newShop(t, service)
	ended := shop.start(t)
	status := make(chan int)
	go func() {
		code, _ := shop.post(order)
		status <- code
	}()
	require.Eventually(t, func() bool { return len(service.Orders()) == 1 }, time.Minute, 10*time.Millisecond)
	require.NoError(t, ended.Process.Signal(syscall.SIGTERM))
	assert.Equal(t, http.StatusOK, <-status)
	assert.NoError(t, ended.Wait())
}

func TestEachOutcomeHasItsStatus(t *testing.T) {
	service := computeunittest.NewServer()
	defer service.Close()
	shop := newShop(t, service)
	shop.start(t)
	service.NextPurchases(computeunittest.OutOfStock(), computeunittest.Fault{}, computeunittest.LoseRequest())
	for _, row := range []struct {
		name, request string
		status        int
		body          string
	}{
		{"no JSON", `{`, http.StatusBadRequest, "unexpected EOF"},
		{"invalid", strings.Replace(order, `"months":1`, `"months":13`, 1), http.StatusUnprocessableEntity, "must be 1 to 12"},
		{"refused", order, http.StatusUnprocessableEntity, "out of stock"},
		{"the same key tries again", order, http.StatusOK, "instanceId"},
		{"bought already", order, http.StatusOK, "instanceId"},
		{"another request", strings.Replace(order, `"months":1`, `"months":2`, 1), http.StatusUnprocessableEntity, "another request"},
		{"invalid key", strings.Replace(order, "order-1", `\n`, 1), http.StatusUnprocessableEntity, "must have 1 to 255 bytes"},
		{"unknown", strings.Replace(order, "order-1", "order-2", 1), http.StatusAccepted, "call Buy again"},
		{"still unknown", strings.Replace(order, "order-1", "order-2", 1), http.StatusAccepted, "call Buy again"},
		{"another key for the service", strings.Replace(order, "order-1", "order-3", 1), http.StatusConflict, "call Buy again later"},
	} {
		status, body := shop.post(row.request)
		assert.Equal(t, row.status, status, row.name)
		assert.Contains(t, body, row.body, row.name)
	}
	assert.Len(t, service.Orders(), 1)
}

// What may be gone when the caller asks again is not said to be refused.
func TestWhatFailsForAWhileIsToBeAskedAgain(t *testing.T) {
	service := computeunittest.NewServer()
	defer service.Close()
	shop := newShop(t, service)
	shop.start(t)
	service.NextPurchases(computeunittest.Throttled(time.Hour))
	status, body := shop.post(order)
	assert.Equal(t, http.StatusConflict, status, body)
	status, body = shop.post(order)
	assert.Equal(t, http.StatusOK, status, body)
}

func TestGetShowsWhatTheJournalHas(t *testing.T) {
	service := computeunittest.NewServer()
	defer service.Close()
	shop := newShop(t, service)
	shop.start(t)
	status, _ := shop.get("order-1")
	assert.Equal(t, http.StatusNotFound, status)
	_, bought := shop.post(order)
	status, shown := shop.get("order-1")
	assert.Equal(t, http.StatusOK, status)
	assert.JSONEq(t, bought, shown)
	status, _ = shop.get("")
	assert.Equal(t, http.StatusUnprocessableEntity, status)
}

// The night call of the README.
func TestAnOperatorSettlesWhatNobodyElseCan(t *testing.T) {
	service := computeunittest.NewServer()
	defer service.Close()
	shop := newShop(t, service)
	service.NextPurchases(computeunittest.LoseRequest())
	shop.start(t)
	status, body := shop.post(order)
	require.Equal(t, http.StatusAccepted, status, body)

	for _, command := range [][]string{{"open"}, {"settle"}, {"show", "order-1"}} {
		output, err := shop.operate(command...)
		require.NoError(t, err, output)
		var open once.Purchase
		require.NoError(t, json.Unmarshal([]byte(output), &open))
		assert.Equal(t, once.StateSending, open.State)
	}
	for text, command := range map[string][]string{
		"too early":           {"not-purchased", "order-1"},
		"is not listed":       {"bought", "order-1", "mistyped"},
		"no key":              {"show", "nobody's"},
		"there is no command": {"bought", "order-1"},
	} {
		output, err := shop.operate(command...)
		assert.Error(t, err, command)
		assert.Contains(t, output, text)
	}
	output, err := shop.operate("bought", "-unlisted", "order-1", "inst-found", "ord-found")
	require.NoError(t, err, output)
	status, body = shop.post(order)
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, body, "inst-found")
	output, err = shop.operate("open")
	require.NoError(t, err)
	assert.Empty(t, output)
}

// An operator sees that there was nothing to print, and a program that reads the output gets none.
func TestThatNothingIsOpenIsSaidBesideTheOutput(t *testing.T) {
	service := computeunittest.NewServer()
	defer service.Close()
	shop := newShop(t, service)
	for _, command := range []string{"open", "settle"} {
		output, said, err := shop.run(command)
		require.NoError(t, err, said)
		assert.Empty(t, output, command)
		assert.Contains(t, said, "nothing is open", command)
	}
	service.NextPurchases(computeunittest.LoseRequest())
	shop.start(t)
	status, body := shop.post(order)
	require.Equal(t, http.StatusAccepted, status, body)
	for _, command := range []string{"open", "settle"} {
		_, said, err := shop.run(command)
		require.NoError(t, err, said)
		assert.NotContains(t, said, "nothing is open", command)
	}
	service.Close() // the journal is read, and the listing fails
	_, said, err := shop.run("open")
	require.Error(t, err)
	assert.NotContains(t, said, "nothing is open")
}

func TestAnEndpointThatDoesNotFitIsNoticedAtTheStart(t *testing.T) {
	service, other := computeunittest.NewServer(), computeunittest.NewServer()
	defer service.Close()
	defer other.Close()
	shop := newShop(t, service)
	_, err := shop.operate("settle")
	require.NoError(t, err)
	shop.environment = append(shop.environment, "QIANFAN_CONSOLE_BASE_URL="+other.URL)
	output, err := shop.operate("settle")
	require.Error(t, err)
	assert.Contains(t, output, "another endpoint's")
}

// shop is the program with its database and its address.
type shop struct {
	program, folder, addr string
	environment           []string
}

func newShop(t *testing.T, service *computeunittest.Server) *shop {
	t.Helper()
	folder := t.TempDir()
	program := filepath.Join(folder, "shop.exe")
	output, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, string(output))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return &shop{program, folder, listener.Addr().String(), append(os.Environ(),
		"QIANFAN_ACCESS_KEY="+service.Credentials.AccessKeyID,
		"QIANFAN_SECRET_KEY="+service.Credentials.SecretAccessKey,
		"QIANFAN_CONSOLE_BASE_URL="+service.URL)}
}

// start returns when the program listens. It is killed at the end of the test.
func (s *shop) start(t *testing.T) *exec.Cmd {
	t.Helper()
	command := exec.Command(s.program, "-addr", s.addr)
	command.Dir, command.Env, command.Stderr = s.folder, s.environment, t.Output()
	require.NoError(t, command.Start())
	t.Cleanup(func() { _, _ = command.Process.Kill(), command.Wait() })
	require.Eventually(t, func() bool {
		connection, err := net.Dial("tcp", s.addr)
		return err == nil && connection.Close() == nil
	}, time.Minute, 10*time.Millisecond)
	return command
}

// operate runs a command of the operator, and returns what it printed, with its errors if it failed.
func (s *shop) operate(arguments ...string) (string, error) {
	output, said, err := s.run(arguments...)
	if err != nil {
		output += said
	}
	return output, err
}

// run is operate with what the command said on standard error.
func (s *shop) run(arguments ...string) (output, said string, err error) {
	command := exec.Command(s.program, arguments...)
	command.Dir, command.Env = s.folder, s.environment
	var errors strings.Builder
	command.Stderr = &errors
	text, err := command.Output()
	return string(text), errors.String(), err
}

func (s *shop) get(key string) (status int, body string) {
	response, err := http.Get("http://" + s.addr + "/buy?key=" + key)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(text)
}

// post returns 0 if there was no response.
func (s *shop) post(request string) (status int, body string) {
	response, err := http.Post("http://"+s.addr+"/buy", "application/json", strings.NewReader(request))
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(text)
}
