package simulator

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
)

func TestCatalogue(t *testing.T) {
	const elsewhere = "http://127.0.0.1:1/"
	entries := Catalogue(elsewhere, time.Hour)
	names, kinds, truths := map[string]bool{}, map[Kind]bool{None: true, EndlessHints: true}, map[Truth]int{}
	for _, entry := range entries {
		assert.NoError(t, entry.Valid())
		assert.False(t, names[entry.Name], "twice: %s", entry.Name)
		names[entry.Name], kinds[entry.Kind] = true, true
		truths[entry.Truth]++
		assert.Equal(t, entry.Kind == Redirect, entry.Location == elsewhere)
		assert.Equal(t, entry.Kind == SlowHeaders || entry.Kind == SlowBody, entry.Delay == time.Hour)
		assert.True(t, strings.HasSuffix(entry.Name, "/"+entry.When.String()))
	}
	assert.Len(t, kinds, len(performances), "every kind")
	assert.Greater(t, truths[MustBuy], 10)
	for _, entry := range Catalogue("", 0) {
		assert.Equal(t, entry.Kind == Redirect, entry.Valid() != nil, "an empty location is not hidden")
	}
}

// Each truth of the catalogue is what the client comes to that this repository is about.
func TestCatalogueTruthsAreTheClients(t *testing.T) {
	for _, entry := range Catalogue("http://127.0.0.1:1/", 0) {
		t.Run(entry.Name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			sim := New(Config{Fault: func(Purchase) Fault {
				if entry.Kind == SlowHeaders || entry.Kind == SlowBody {
					cancel() // the patience of this caller
				}
				return entry.Fault
			}})
			server := httptest.NewUnstartedServer(sim)
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.Start()
			defer server.Close()
			client, err := computeunit.NewClient(
				computeunit.StaticCredentials(DefaultAccessKeyID, DefaultSecretAccessKey),
				computeunit.WithEndpoint(server.URL))
			require.NoError(t, err)
			defer client.CloseIdleConnections()

			bought, err := client.PurchaseComputeUnit(ctx, computeunit.PurchaseComputeUnitRequest{
				ServiceID: "svco-1", Billing: computeunit.Prepaid(1), ReplicasCount: 1,
			})
			assert.Equal(t, entry.Truth, truthOf(err), "%v", err)
			if err == nil {
				order := sim.Orders()[0]
				assert.Contains(t, []string{order.InstanceID, ""}, bought.Result.InstanceID)
				assert.Contains(t, []string{order.OrderID, ""}, bought.Result.OrderID)
			}
			server.Close()
			if entry.Truth != MustBuy {
				assert.Len(t, sim.Orders(), int(entry.When))
			}
		})
	}
}

func truthOf(err error) Truth {
	switch {
	case err == nil:
		return MustBuy
	case errors.Is(err, computeunit.ErrNotPurchased):
		return MustRefuse
	default:
		return MustNotKnow
	}
}

// Each truth is what a client comes to that follows the outcome table.
func TestCatalogueTruths(t *testing.T) {
	entries := Catalogue("http://127.0.0.1:1/", 0)
	for _, entry := range entries {
		t.Run(entry.Name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s := New(withClock(Config{Fault: func(Purchase) Fault {
				if entry.Kind == SlowHeaders || entry.Kind == SlowBody {
					cancel() // the patience of this client
				}
				return entry.Fault
			}}))
			server, client := newServer(t, s)
			assert.Equal(t, entry.Truth, honestBuy(ctx, client, server.URL))
			client.CloseIdleConnections()
			server.Close()
			bought := entry.Truth == MustBuy || entry.When == AfterOrder
			assert.Equal(t, bought, len(s.Orders()) == 1)
		})
	}
}

func honestBuy(ctx context.Context, client *http.Client, base string) Truth {
	for sends := 1; ; sends++ {
		answer, err := client.Do(wireRequest(ctx, base, purchasePath, postpaidBody))
		if err != nil {
			return MustNotKnow
		}
		body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20+1))
		answer.Body.Close()
		truth, code := honestReading(answer, body, err)
		again := answer.StatusCode == 429 && answer.Header.Get("Retry-After") != "" && sends < 3 || code == codeRequestExpired && sends < 2
		if truth != MustRefuse || !again {
			return truth
		}
	}
}

// certainStatuses is the row of the outcome table.
var certainStatuses = regexp.MustCompile(`^(40[0-57]|41[0-57]|42[12689]|431|451|30[78])$`)

// honestReading is the outcome table.
func honestReading(answer *http.Response, body []byte, err error) (Truth, string) {
	if answer.Header.Get("Content-Encoding") == "gzip" && !answer.Uncompressed {
		packed, gzipErr := gzip.NewReader(bytes.NewReader(body))
		if gzipErr == nil {
			body, err = io.ReadAll(packed)
		}
	}
	if err != nil || len(body) > 1<<20 {
		return MustNotKnow, ""
	}
	var got struct {
		Code      any            `json:"code"`
		ErrorCode any            `json:"error_code"`
		Result    map[string]any `json:"result"`
	}
	jsonErr := json.Unmarshal(bytes.TrimPrefix(body, []byte("\ufeff")), &got)
	code := answer.Header.Get("X-Bce-Error-Code")
	for _, value := range []any{got.Code, got.ErrorCode} {
		if text := fmt.Sprint(value); value != nil && text != "" && text != "0" {
			code = text
		}
	}
	hasID := false
	for _, name := range []string{"instanceId", "orderId"} {
		value := got.Result[name]
		hasID = hasID || value != nil && value != ""
	}
	textID, _ := cmp.Or(got.Result["instanceId"], got.Result["orderId"]).(string)
	switch status := strconv.Itoa(answer.StatusCode); {
	case status[0] == '2' && jsonErr == nil && !strings.Contains(string(body), `"code":"AccessDenied","code"`):
		if hasID && textID != "" && code == "" {
			return MustBuy, ""
		}
		if !hasID && statusOf[code] != 0 && documented(code) {
			return MustRefuse, code
		}
		return MustNotKnow, code
	case certainStatuses.MatchString(status) && !hasID && !slices.Contains([]string{"InternalError", "336000", "336100", "500000"}, code):
		return MustRefuse, code
	}
	return MustNotKnow, code
}

// documented reports whether the code is in the documentation's table of refusals.
func documented(code string) bool {
	return code != "InternalError" && code != "ResourceNotFound" && code != "SignatureEmpty" && !strings.HasPrefix(code, "Simulator")
}
