package simulator

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Truth is what an honest client says of a purchase that met a fault.
type Truth string

// The three truths.
const (
	MustBuy     Truth = "bought"        // the call ends with an order
	MustRefuse  Truth = "not purchased" // the answer proves that nothing was bought
	MustNotKnow Truth = "unknown"       // an order may exist, and no client can know
)

// CatalogueEntry is a fault and the one honest report of it.
type CatalogueEntry struct {
	Fault
	Truth Truth
}

// Ordered reports whether there is an order when a call has ended that met the fault.
func (e CatalogueEntry) Ordered() bool { return e.Truth == MustBuy || e.When == AfterOrder }

// Catalogue is the rows of the outcome table, and what was reported of the service and of what stands before it, each with a
// stable name that ends in /before or /after, once for each When that its truth allows.
//
// redirectTo is the Location of the redirects. delay is how late the slow ones are: longer than the client's patience, or 0
// for as long as the client waits.
//
// The truths hold if a fault meets every request of a call (Config.Fault does that, Inject only one request), and the client
// sends up to three times after a 429 with a Retry-After, and twice after RequestExpired.
func Catalogue(redirectTo string, delay time.Duration) []CatalogueEntry {
	refused := refusals
	for _, code := range slices.Sorted(maps.Keys(documentedRefusals)) {
		refused = append(refused, answer{200, "", `{"code":"` + code + `"}`})
	}
	var entries []CatalogueEntry
	entries = append(entries, both(MustNotKnow, brokenFaults(cmp.Or(delay, 1<<62)))...)
	entries = append(entries, both(MustNotKnow, statuses(redirectTo, unknownStatuses))...)
	entries = append(entries, both(MustNotKnow, named(unknownAnswers))...)
	entries = append(entries, at(BeforeOrder, MustRefuse, statuses(redirectTo, refusingStatuses))...)
	entries = append(entries, at(BeforeOrder, MustRefuse, append(named(refused), oddRefusals...))...)
	entries = append(entries, at(AfterOrder, MustBuy, append(named(successes), oddSuccesses...))...)
	return append(entries, at(BeforeOrder, MustBuy, passing)...)
}

func both(truth Truth, faults []Fault) []CatalogueEntry {
	return append(at(BeforeOrder, truth, faults), at(AfterOrder, truth, faults)...)
}

func at(when When, truth Truth, faults []Fault) (entries []CatalogueEntry) {
	for _, fault := range faults {
		fault.Name, fault.When = fault.Name+[]string{"/before", "/after"}[when], when
		entries = append(entries, CatalogueEntry{fault, truth})
	}
	return entries
}

// brokenFaults end without a whole answer.
func brokenFaults(delay time.Duration) (faults []Fault) {
	for _, kind := range []Kind{Reset, Close, CutLength, CutChunked} {
		faults = append(faults, Fault{Name: string(kind), Kind: kind})
	}
	return append(faults,
		Fault{Name: "cut-length-403", Kind: CutLength, Status: 403, Body: denied},
		Fault{Name: "cut-chunked-403", Kind: CutChunked, Status: 403, Body: page},
		Fault{Name: "slow", Status: 500, Delay: delay},
		Fault{Name: "slow-body", Kind: CutLength, Delay: delay},
		Fault{Name: "huge-200", Status: 200, Body: bought[:len(bought)-1] + padding},
		Fault{Name: "huge-403", Status: 403, Body: denied[:len(denied)-1] + padding})
}

// padding makes an answer longer than any that is read.
var padding = `,"padding":"` + strings.Repeat("x", 1<<20) + `"}`

// unknownStatuses prove nothing, whatever the answer says. Here are those that look like a refusal, or like an error that
// is worth another try.
var unknownStatuses = []int{
	300, 301, 302, 303, 304, 305, 306, 406, 408, 409, 416, 418, 423, 424, 425, 499, 500, 501, 502, 503, 504, 507, 520, 599,
}

// statuses is each with the documented body, with a proxy's page, and with the gateway's empty body, with a Retry-After that
// tempts and a Location.
func statuses(location string, statuses []int) (faults []Fault) {
	headers := "Retry-After: 0\nLocation: " + location
	gateway := headers + "\nX-Bce-Error-Code: AccessDenied\nX-Bce-Error-Message: Access denied."
	for _, status := range statuses {
		faults = append(faults,
			Fault{Name: fmt.Sprint("gateway-", status), Status: status, Header: gateway},
			Fault{Name: fmt.Sprint("denied-", status), Status: status, Header: headers, Body: denied},
			Fault{Name: fmt.Sprint("html-", status), Status: status, Header: headers, Body: page})
	}
	return faults
}

// named gives each its whole text as a name.
func named(answers []answer) (faults []Fault) {
	for _, a := range answers {
		faults = append(faults, Fault{Name: fmt.Sprint(a.status, " ", a.header, a.body), Status: a.status, Header: a.header, Body: a.body})
	}
	return faults
}

// oddRefusals prove that nothing was bought, and something is odd about their way or their time.
var oddRefusals = []Fault{
	{Name: "throttled-once-without-retry-after", Status: 429, Body: `{"code":"SimulatorThrottled"}`, Attempts: 1},
	{Name: "gzip-403", Status: 403, Body: denied, Kind: Gzip},
	{Name: "twice-403", Status: 403, Body: denied, Kind: Twice},
	{Name: "date-behind-401", Status: 401, Body: denied, DateOff: -time.Hour},
	{Name: "date-ahead-403", Status: 403, Body: denied, DateOff: time.Hour},
}

// oddSuccesses are right answers.
var oddSuccesses = []Fault{
	{Name: "gzip", Kind: Gzip},
	{Name: "twice", Kind: Twice},
	{Name: "then-close", Kind: ThenClose},
	{Name: "no-date", Header: "Date:"},
}

// passing are refused, and sent again by the client.
var passing = []Fault{
	{Name: "throttled-twice", Status: 429, Header: "Retry-After: 0", Attempts: 2},
	{Name: "expired-once", Status: 400, Body: `{"code":"RequestExpired"}`, Attempts: 1},
}

// answer is one of those that were reported, or that a row of the outcome table is about.
type answer struct {
	status       int
	header, body string
}

const (
	ids    = `"result":{"instanceId":"{instanceId}","orderId":"{orderId}"}`
	bought = `{"requestId":"{requestId}",` + ids + `}`
	denied = `{"requestId":"{requestId}","code":"AccessDenied","message":"Access denied."}`
	page   = "<html><head><title>A proxy</title></head></html>\n"
)

// unknownAnswers are whole, and neither confirm nor refuse; or they refuse, and something in them takes it back.
var unknownAnswers = []answer{
	{101, "Connection: close", ""}, // else a client waits for more of what it switched to
	{200, "", ""},
	{204, "", ""},
	{200, "", page},
	{200, "", `{"requestId":"{requestId}"}`},
	{202, "", `{"requestId":"{requestId}"}`},
	{200, "", `{"requestId":"{requestId}","result":{"instanceId":"","orderId":""}}`},
	{200, "", `{"requestId":"{requestId}","result":{"instanceId":7}}`},
	{200, "", `{"requestId":"{requestId}","result":{"instanceId":"a b"}}`},
	{200, "", `{"requestId":"{requestId}","result":true}`},
	{200, "", `[` + bought + `]`},
	{200, "Content-Encoding: br", bought},
	{200, "", denied + denied},
	{200, "", `{"code":"AccessDenied","Code":"Processing"}`},
	{200, "", `{"result":{"instanceId":"{instanceId}","InstanceId":"i-2"}}`},
	{200, "X-Bce-Error-Code: AccessDenied", ""},
	{200, "X-Bce-Error-Code: AccessDenied", bought},
	{200, "", `{"code":"AccessDenied",` + ids + `}`},
	{200, "", `{"success":false,` + ids + `}`},
	{200, "", `{"error":"timeout",` + ids + `}`},
	{200, "", `{"code":"Processing"}`},
	{200, "", `{"code":"accessdenied"}`},
	{200, "", `{"code":"InternalError","message":"please try again"}`},
	{403, "X-Bce-Error-Code: InternalError", ""},
	{200, "", `{"error_code":18,"error_msg":"Open api qps request limit reached"}`},
	{200, "", `{"error_code":336000,"error_msg":"Internal error"}`},
	{200, "", `{"code":336501,"msg":"Rate limit reached for RPM"}`},
	{400, "", `{"code":"InternalError","message":"please try again"}`},
	{429, "Retry-After: 0", `{"code":"InternalError"}`},
	{400, "", `{"error":{"code":"internal_error","message":"failed"}}`},
	{400, "", `{"error_code":336100,"error_msg":"try again"}`},
	{403, "", `{"code":500000,"msg":"failed"}`},
	{400, "", `{"code":"PreconditionFailed","orderId":"{orderId}"}`},
	{403, "", `{"code":"AccessDenied",` + ids + `}`},
	{403, "", `{"code":"AccessDenied","success":true}`},
	{403, "", `{"code":7.5}`},
	{403, "", denied[:len(denied)-1]},
	{403, "Content-Encoding: br", page},
}

// refusals prove that nothing was bought, in a way that a client may stumble over.
var refusals = []answer{
	{400, "", `{"code":"RequestExpired"}`},
	{403, "X-Bce-Error-Code: IamSignatureInvalid\nX-Bce-Error-Message: IP not allowed", ""},
	{400, "", `{"code":"SignatureEmpty"}`},
	{404, "", `{"code":"ResourceNotFound"}`},
	{403, "", `{"code":6,"msg":"no permission"}`},
	{403, "", `{"error_code":6,"error_msg":"no permission"}`},
	{401, "", `{"error":"invalid_client"}`},
	{200, "", `{"error_code":"AccessDenied","error_msg":"Access denied."}`},
	{200, "", `{"code":"AccessDenied","result":{},"success":false}`},
	{200, "", `{"requestId":7,"code":"AccessDenied","message":8}`},
	{403, "", "\ufeff" + denied},
	{200, "", "\ufeff" + denied},
	{403, "Date:", denied},
}

// successes confirm an order, in a way that a client may stumble over.
var successes = []answer{
	{200, "", "\ufeff" + bought},
	{201, "", bought},
	{202, "", bought},
	{200, "", `{"code":null,` + ids + `}`},
	{200, "", `{"code":"","message":"",` + ids + `}`},
	{200, "", `{"code":0,"msg":"success","success":true,` + ids + `}`},
	{200, "", `{"requestId":7,` + ids + `}`},
	{200, "", `{"result":{"orderId":"{orderId}"}}`},
	{200, "", `{"result":{"instanceId":"{instanceId}"}}`},
}
