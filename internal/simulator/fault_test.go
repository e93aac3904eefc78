package simulator

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// newServer serves over real HTTP, and gives a client that follows nothing.
func newServer(t *testing.T, s *Simulator) (*httptest.Server, *http.Client) {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	client := server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return server, client
}

func wireRequest(ctx context.Context, base, target, body string) *http.Request {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, base+target, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	r.Header.Set("Content-Type", "application/json")
	defaultCaller().sign(r, r.URL.Host)
	return r
}

// meet buys once over the wire from a simulator with this fault.
func meet(t *testing.T, fault Fault) (*Simulator, *http.Response, []byte, error) {
	t.Helper()
	s := New(withClock(Config{}))
	s.Inject(fault)
	server, client := newServer(t, s)
	answer, err := client.Do(wireRequest(t.Context(), server.URL, purchasePath, postpaidBody))
	if err != nil {
		return s, nil, nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return s, answer, body, err
}

// eachWhen runs the test for a fault before and after the order, and then looks in the ledger.
func eachWhen(t *testing.T, fault Fault, test func(t *testing.T, when When, answer *http.Response, body []byte, err error)) {
	for orders, when := range []When{BeforeOrder, AfterOrder} {
		t.Run(when.String(), func(t *testing.T) {
			fault.When = when
			s, answer, body, err := meet(t, fault)
			test(t, when, answer, body, err)
			assert.Len(t, s.Orders(), orders)
		})
	}
}

func TestConnectionFaults(t *testing.T) {
	tests := []struct {
		kind    Kind
		want    error
		answers bool
	}{
		{Reset, syscall.ECONNRESET, false},
		{Close, io.EOF, false},
		{CutLength, io.ErrUnexpectedEOF, true},
		{CutChunked, io.ErrUnexpectedEOF, true},
	}
	for _, test := range tests {
		t.Run(string(test.kind), func(t *testing.T) {
			eachWhen(t, Fault{Kind: test.kind}, func(t *testing.T, when When, answer *http.Response, body []byte, err error) {
				assert.ErrorIs(t, err, test.want)
				assert.Equal(t, test.answers, answer != nil)
				assert.Equal(t, test.answers, len(body) > 0)
				assert.NotContains(t, string(body), "orderId")
			})
		})
	}
}

func TestConnectionFaultsUnderTLS(t *testing.T) {
	s := New(withClock(Config{}))
	server := httptest.NewTLSServer(s)
	defer server.Close()
	s.Inject(Fault{Kind: Reset}, Fault{Kind: Close, When: AfterOrder})

	_, err := server.Client().Do(wireRequest(t.Context(), server.URL, purchasePath, postpaidBody))
	assert.ErrorIs(t, err, syscall.ECONNRESET)
	_, err = server.Client().Do(wireRequest(t.Context(), server.URL, purchasePath, postpaidBody))
	assert.ErrorIs(t, err, io.EOF)
	assert.Len(t, s.Orders(), 1)
}

func TestConnectionFaultsNeedConnection(t *testing.T) {
	for _, kind := range []Kind{Reset, Close, CutLength, CutChunked} {
		s := New(withClock(Config{}))
		s.Inject(Fault{Kind: kind})
		got := buy(s, postpaidBody)
		assert.Equal(t, http.StatusInternalServerError, got.Status)
		assert.Contains(t, got.Body, CodeInvalidFault)
	}
	assert.Panics(t, func() { setLinger(nil) })
}

func TestBrokenAnswers(t *testing.T) {
	tests := []struct {
		fault Fault
		want  string // %s: the request id
	}{
		{Fault{Kind: EmptyAnswer, Status: 200}, ""},
		{Fault{Kind: HTMLAnswer, Status: 200}, "<html><head><title>OK</title></head></html>\n"},
		{Fault{Kind: HTMLAnswer, Status: 502}, "<html><head><title>Bad Gateway</title></head></html>\n"},
		{Fault{Kind: WrongTypes}, `{"requestId":"%s","result":{"instanceId":7,"orderId":["8"],"instances":"none"}}`},
		{Fault{Kind: EmptyIDs}, `{"requestId":"%s","result":{"instanceId":"","orderId":"","instances":[{"instanceId":""}]}}`},
		{Fault{Kind: NoResult}, `{"requestId":"%s"}`},
		{Fault{Kind: ErrorAnswer, Status: 200, Code: codeInternalError, Message: "try again"},
			`{"requestId":"%s","code":"InternalError","message":"try again"}`},
		{Fault{Kind: ErrorAnswer, Status: 500}, `{"requestId":"%s","code":"InternalError","message":"injected fault \"\""}`},
		{Fault{Kind: ErrorAnswer, Status: 409}, `{"requestId":"%s","code":"SimulatorFault","message":"injected fault \"\""}`},
	}
	for _, test := range tests {
		t.Run(string(test.fault.Kind), func(t *testing.T) {
			eachWhen(t, test.fault, func(t *testing.T, when When, answer *http.Response, body []byte, err error) {
				require.NoError(t, err)
				assert.Equal(t, max(test.fault.Status, 200), answer.StatusCode)
				id := answer.Header.Get("x-bce-request-id")
				assert.Equal(t, strings.Replace(test.want, "%s", id, 1), string(body))
			})
		})
	}
}

func TestRefusingAnswers(t *testing.T) {
	tests := map[string]struct {
		fault Fault
		code  string
	}{
		"code in 200": {Fault{Kind: ErrorAnswer, Status: 200, Code: "AccessDenied"}, "AccessDenied"},
		"usual 400":   {Fault{Kind: ErrorAnswer, Status: 400}, "InvalidHTTPRequest"},
		"usual 403":   {Fault{Kind: ErrorAnswer, Status: 403}, "AccessDenied"},
		"usual 404":   {Fault{Kind: ErrorAnswer, Status: 404}, "InvalidVersion"},
		"usual 412":   {Fault{Kind: ErrorAnswer, Status: 412}, "PreconditionFailed"},
		"usual 429":   {Fault{Kind: ErrorAnswer, Status: 429, RetryAfter: "3"}, "SimulatorThrottled"},
		"usual 418":   {Fault{Kind: ErrorAnswer, Status: 418}, "SimulatorFault"},
		"raw":         {Fault{Kind: RawAnswer, Status: 410, Body: `{"code":"Gone"}`}, "Gone"},
		"gzip":        {Fault{Kind: Gzip, Status: 403}, "AccessDenied"},
		"gateway":     {Fault{Kind: EmptyAnswer, Status: 403, Code: "IamSignatureInvalid", Message: "no"}, ""},
		"redirect":    {Fault{Kind: Redirect, Status: 307, Location: "http://127.0.0.1:1/"}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s, answer, body, err := meet(t, test.fault)
			require.NoError(t, err)
			assert.Empty(t, s.Orders())
			assert.Equal(t, test.fault.Status, answer.StatusCode)
			assert.Equal(t, test.fault.RetryAfter, answer.Header.Get("Retry-After"))
			assert.Equal(t, test.fault.Location, answer.Header.Get("Location"))
			if test.code != "" {
				assert.Contains(t, string(body), `"code":"`+test.code+`"`)
			}
		})
	}
	_, answer, body, _ := meet(t, tests["gateway"].fault)
	assert.Equal(t, "IamSignatureInvalid", answer.Header.Get("X-Bce-Error-Code"))
	assert.Equal(t, "no", answer.Header.Get("X-Bce-Error-Message"))
	assert.Empty(t, body)
}

func TestHugeBody(t *testing.T) {
	eachWhen(t, Fault{Kind: HugeBody}, func(t *testing.T, when When, answer *http.Response, body []byte, err error) {
		require.NoError(t, err)
		assert.Greater(t, len(body), 1<<20)
		var got gotAnswer
		require.NoError(t, json.Unmarshal(body, &got))
		assert.Equal(t, when == BeforeOrder, got.Result.InstanceID == "", "ids only if there is an order")
	})
}

func TestEndlessBodyIsBounded(t *testing.T) {
	eachWhen(t, Fault{Kind: EndlessBody}, func(t *testing.T, _ When, _ *http.Response, body []byte, err error) {
		require.NoError(t, err)
		assert.Greater(t, len(body), endlessBytes)
		assert.False(t, json.Valid(body))
	})
}

// The server's Close waits for the handler: it returns only because the handler saw the client leave.
func TestEndlessFaultsEndWithClient(t *testing.T) {
	s := New(withClock(Config{}))
	s.Inject(Fault{Kind: EndlessBody}, Fault{Kind: SlowBody})
	server, client := newServer(t, s)
	for range 2 {
		answer, err := client.Do(wireRequest(t.Context(), server.URL, purchasePath, postpaidBody))
		require.NoError(t, err)
		_, err = io.ReadFull(answer.Body, make([]byte, 10))
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
	}
	server.Close()
	assert.Empty(t, s.Orders())
}

func TestSlowHeadersEndWithClient(t *testing.T) {
	for orders, when := range []When{BeforeOrder, AfterOrder} {
		ctx, cancel := context.WithCancel(t.Context())
		s := New(withClock(Config{Fault: func(Purchase) Fault {
			cancel()
			return Fault{Kind: SlowHeaders, When: when}
		}}))
		server, client := newServer(t, s)
		_, err := client.Do(wireRequest(ctx, server.URL, purchasePath, postpaidBody))
		assert.ErrorIs(t, err, context.Canceled)
		server.Close()
		assert.Len(t, s.Orders(), orders)
	}
}

func TestSlowFaultsWithPatientClient(t *testing.T) {
	eachWhen(t, Fault{Kind: SlowHeaders, Delay: 1}, func(t *testing.T, when When, answer *http.Response, body []byte, err error) {
		require.NoError(t, err)
		bought := strings.Contains(string(body), "orderId")
		assert.Equal(t, when == AfterOrder, bought)
		assert.Equal(t, bought, answer.StatusCode == http.StatusOK)
	})
	eachWhen(t, Fault{Kind: SlowBody, Delay: 1}, func(t *testing.T, when When, answer *http.Response, body []byte, err error) {
		assert.Equal(t, http.StatusOK, answer.StatusCode)
		if when == AfterOrder {
			assert.NoError(t, err)
			assert.True(t, json.Valid(body))
			return
		}
		assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	})
}

func TestEarlyHints(t *testing.T) {
	s := New(withClock(Config{}))
	s.Inject(Fault{Kind: EarlyHints, When: AfterOrder})
	server, client := newServer(t, s)
	hints := 0
	trace := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(status int, _ textproto.MIMEHeader) error {
			assert.Equal(t, http.StatusEarlyHints, status)
			hints++
			return nil
		},
	})
	answer, err := client.Do(wireRequest(trace, server.URL, purchasePath, postpaidBody))
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	assert.Equal(t, 1, hints)
	assert.Equal(t, http.StatusOK, answer.StatusCode)
	assert.Contains(t, string(body), s.Orders()[0].OrderID)
	assert.Empty(t, answer.Header.Get("Link"))
}

func TestTwoAnswersToOneRequest(t *testing.T) {
	s := New(withClock(Config{}))
	s.Inject(Fault{Kind: Twice, When: AfterOrder})
	server, _ := newServer(t, s)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, wireRequest(t.Context(), server.URL, purchasePath, postpaidBody).Write(conn))
	answers := bufio.NewReader(conn)
	for range 2 {
		answer, err := http.ReadResponse(answers, nil)
		require.NoError(t, err)
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		assert.Contains(t, string(body), s.Orders()[0].OrderID)
	}
	assert.Len(t, s.Orders(), 1)
}

func TestADateThatIsOff(t *testing.T) {
	s := New(withClock(Config{}))
	s.Inject(Fault{DateOff: -time.Hour})
	assert.Equal(t, "Sun, 22 Nov 2026 07:00:00 GMT", buy(s, postpaidBody).Header.Get("Date"))
	assert.Equal(t, "Sun, 22 Nov 2026 08:00:00 GMT", buy(s, postpaidBody).Header.Get("Date"))
}

func TestEndlessHints(t *testing.T) {
	s := New(withClock(Config{}))
	s.Inject(Fault{Kind: EndlessHints}, Fault{Kind: EndlessHints, When: AfterOrder})
	server, client := newServer(t, s)
	_, err := client.Do(wireRequest(t.Context(), server.URL, purchasePath, postpaidBody))
	assert.Error(t, err, "the client gives up")

	patient := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(int, textproto.MIMEHeader) error { return nil },
	})
	answer, err := client.Do(wireRequest(patient, server.URL, purchasePath, postpaidBody))
	require.NoError(t, err)
	answer.Body.Close()
	assert.Equal(t, http.StatusInternalServerError, answer.StatusCode)
	assert.Len(t, s.Orders(), 1)
}

func TestFaultValid(t *testing.T) {
	valid := map[string]Fault{
		"none":                  {},
		"none after":            {When: AfterOrder},
		"reset after":           {Kind: Reset, When: AfterOrder},
		"408 after":             {Kind: ErrorAnswer, Status: 408, When: AfterOrder},
		"409 after":             {Kind: HTMLAnswer, Status: 409, When: AfterOrder},
		"599 after":             {Kind: EmptyAnswer, Status: 599, When: AfterOrder},
		"300 after":             {Kind: EmptyAnswer, Status: 300, When: AfterOrder},
		"303 after":             {Kind: Redirect, Status: 303, Location: "/", When: AfterOrder},
		"101 after":             {Kind: EmptyAnswer, Status: 101, When: AfterOrder},
		"cut 403 after":         {Kind: CutLength, Status: 403, When: AfterOrder},
		"failure in 400 after":  {Kind: ErrorAnswer, Status: 400, Code: "336100", When: AfterOrder},
		"raw 400 after":         {Kind: RawAnswer, Status: 400, When: AfterOrder},
		"gzip after":            {Kind: Gzip, When: AfterOrder},
		"gzip 403 before":       {Kind: Gzip, Status: 403},
		"internal in 200 after": {Kind: ErrorAnswer, Status: 200, Code: "InternalError", When: AfterOrder},
		"empty 200 after":       {Kind: EmptyAnswer, Status: 200, Code: "AccessDenied", When: AfterOrder},
		"400 before":            {Kind: ErrorAnswer, Status: 400},
		"redirect before":       {Kind: Redirect, Status: 308, Location: "/"},
		"hints after":           {Kind: EarlyHints, When: AfterOrder},
	}
	for name, fault := range valid {
		assert.NoError(t, fault.Valid(), name)
	}
	invalid := map[string]Fault{
		"kind":                 {Kind: "other"},
		"when":                 {Kind: Reset, When: 2},
		"delay":                {Kind: SlowBody, Delay: -1},
		"attempts":             {Kind: Reset, Attempts: -1},
		"no status":            {Kind: ErrorAnswer},
		"status 199":           {Kind: EmptyAnswer, Status: 199},
		"status 600":           {Kind: HTMLAnswer, Status: 600},
		"redirect 300":         {Kind: Redirect, Status: 300, Location: "/"},
		"redirect no location": {Kind: Redirect, Status: 301},
		"redirect after":       {Kind: Redirect, Status: 307, Location: "/", When: AfterOrder},
		"hold":                 {Hold: -1},
		"cut 200":              {Kind: CutChunked, Status: 200},
		"gzip 403 after":       {Kind: Gzip, Status: 403, When: AfterOrder},
		"gzip before":          {Kind: Gzip},
		"numbers before":       {Kind: Numbers},
		"twice before":         {Kind: Twice},
		"400 after":            {Kind: ErrorAnswer, Status: 400, When: AfterOrder},
		"429 html after":       {Kind: HTMLAnswer, Status: 429, When: AfterOrder},
		"403 empty after":      {Kind: EmptyAnswer, Status: 403, When: AfterOrder},
		"code 200 after":       {Kind: ErrorAnswer, Status: 200, Code: "AccessDenied", When: AfterOrder},
		"hints before":         {Kind: EarlyHints},
	}
	for name, fault := range invalid {
		fault.Name = name
		assert.ErrorContains(t, fault.Valid(), `fault "`+name+`"`)
		assert.Panics(t, func() { New(Config{}).Inject(Fault{}, fault) }, name)
	}
	assert.Panics(t, func() { New(Config{}).InjectRead(Fault{Kind: "other"}) })
	assert.NotPanics(t, func() { New(Config{}).InjectRead(Fault{Kind: EarlyHints}) }, "a read has no order")
}

func TestInvalidFaultFromConfig(t *testing.T) {
	bad := Fault{Kind: HTMLAnswer, Status: 403, When: AfterOrder}
	s := New(withClock(Config{
		Fault:     func(Purchase) Fault { return bad },
		ReadFault: func(Read) Fault { return Fault{Kind: "other"} },
	}))
	for _, got := range []gotAnswer{buy(s, postpaidBody), list(s, service1)} {
		assert.Equal(t, http.StatusInternalServerError, got.Status)
		assert.Equal(t, CodeInvalidFault, got.Code)
	}
	assert.Empty(t, s.Orders())
}

func TestFaultIsAskedWithThePurchase(t *testing.T) {
	var asked []Purchase
	s := New(withClock(Config{Fault: func(p Purchase) Fault {
		asked = append(asked, p)
		return Fault{Kind: ErrorAnswer, Status: 429, Attempts: 2}
	}}))
	buy(s, `{}`) // not valid: not asked
	statuses := []int{}
	for range 3 {
		statuses = append(statuses, buy(s, postpaidBody).Status)
	}
	statuses = append(statuses, buy(s, exampleBody).Status)
	assert.Equal(t, []int{429, 429, 200, 429}, statuses)
	assert.Equal(t, []Purchase{
		{"svco-1", 2, Postpaid, 1}, {"svco-1", 2, Postpaid, 2}, {"svco-1", 2, Postpaid, 3},
		{"svco-48esssdpa594", 5, Prepaid, 1},
	}, asked)
	assert.Len(t, s.Orders(), 1)
}

func TestInjectedFaultsComeFirst(t *testing.T) {
	s := New(withClock(Config{
		Fault:     func(Purchase) Fault { return Fault{Kind: ErrorAnswer, Status: 503} },
		ReadFault: func(Read) Fault { return Fault{Kind: ErrorAnswer, Status: 503} },
	}))
	s.Inject(Fault{}, Fault{Kind: ErrorAnswer, Status: 502})
	s.InjectRead(Fault{Kind: ErrorAnswer, Status: 502})
	for _, status := range []int{200, 502, 503} {
		assert.Equal(t, status, buy(s, postpaidBody).Status)
	}
	for _, status := range []int{502, 503} {
		assert.Equal(t, status, list(s, service1).Status)
	}
}

func TestReadFaults(t *testing.T) {
	var asked []Read
	s := New(withClock(Config{ReadFault: func(r Read) Fault {
		asked = append(asked, r)
		return Fault{Kind: SlowHeaders, Delay: 1, Attempts: 1}
	}}))
	id := buy(s, postpaidBody).Result.InstanceID
	for range 2 {
		got := list(s, `{"serviceId":"svco-1","paymentTiming":"Postpaid"}`)
		require.Len(t, got.Result.Instances, 1, "a slow listing is a true one")
		assert.Equal(t, id, got.Result.Instances[0].InstanceID)
	}
	assert.Equal(t, []Read{{"svco-1", Postpaid, 1}, {"svco-1", Postpaid, 2}}, asked)

	s.InjectRead(Fault{Kind: EmptyIDs})
	assert.Equal(t, []instance{{}}, list(s, service1).Result.Instances)
}

func TestOrderThatCannotBePlacedIsRefused(t *testing.T) {
	s := New(withClock(Config{Stock: -1}))
	s.Inject(Fault{Kind: Reset, When: AfterOrder})
	assert.Equal(t, CodeOutOfStock, buy(s, postpaidBody).Code)
}

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
