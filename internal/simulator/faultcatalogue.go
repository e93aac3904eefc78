package simulator

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Truth is what an honest client says of a purchase that met a fault.
type Truth string

// The three truths.
const (
	MustBuy     Truth = "bought"        // the call ends with an order
	MustRefuse  Truth = "not purchased" // the answer proves that nothing was bought
	MustNotKnow Truth = "unknown"       // an order may exist, and no client can tell
)

// CatalogueEntry is a fault and the one honest report of it.
type CatalogueEntry struct {
	Fault
	Truth Truth
}

// Catalogue is every fault, each with a stable name that ends in /before or
// /after, once for every When that is valid. Only EndlessHints is left out: a
// client reads 10 MiB of headers for each, too much for a campaign.
//
// redirectTo is the Location of the redirects, and must not be empty. delay is
// the Delay of the slow faults: longer than the client's patience, or 0 for as
// long as the client waits.
//
// The truths hold where a fault meets every request of a call (Config.Fault
// does that, Inject only one request), and where a client that resends after
// 429 sends up to three times.
func Catalogue(redirectTo string, delay time.Duration) []CatalogueEntry {
	var entries []CatalogueEntry
	entries = append(entries, named(MustNotKnow, brokenFaults(delay))...)
	entries = append(entries, named(MustNotKnow, doubtfulStatuses())...)
	entries = append(entries, named(MustRefuse, documentedRefusals())...)
	entries = append(entries, named(MustRefuse, otherRefusals())...)
	entries = append(entries, named(MustRefuse, redirects(redirectTo))...)
	return append(entries, named(MustBuy, endingFaults())...)
}

// named gives each fault the moments that it can have, and its name for each.
func named(truth Truth, faults []Fault) []CatalogueEntry {
	var entries []CatalogueEntry
	for _, fault := range faults {
		base := fault.Name
		for _, when := range []When{BeforeOrder, AfterOrder} {
			fault.Name, fault.When = fmt.Sprintf("%s/%s", base, when), when
			if fault.possibleThen() {
				entries = append(entries, CatalogueEntry{Fault: fault, Truth: truth})
			}
		}
	}
	return entries
}

// possibleThen leaves the other mistakes for Valid to name: a redirect without
// a location must not vanish from the catalogue.
func (f Fault) possibleThen() bool {
	if f.When == AfterOrder {
		return !f.refuses()
	}
	return f.Kind != EarlyHints
}

func brokenFaults(delay time.Duration) []Fault {
	faults := []Fault{
		{Name: "empty-200", Kind: EmptyAnswer, Status: http.StatusOK},
		{Name: "empty-204", Kind: EmptyAnswer, Status: http.StatusNoContent},
		{Name: "html-200", Kind: HTMLAnswer, Status: http.StatusOK},
		{Name: "internal-error-in-200", Kind: ErrorAnswer, Status: http.StatusOK, Code: codeInternalError},
	}
	for _, kind := range []Kind{
		Reset, Close, CutLength, CutChunked, WrongTypes, NoResult, EmptyIDs, HugeBody,
		EndlessBody, SlowHeaders, SlowBody,
	} {
		fault := Fault{Name: string(kind), Kind: kind}
		if kind == SlowHeaders || kind == SlowBody {
			fault.Delay = delay
		}
		faults = append(faults, fault)
	}
	return faults
}

// doubtfulStatuses are those that say nothing about the order, with every kind
// of body, with a Retry-After that tempts, and with a code that looks like a refusal.
func doubtfulStatuses() []Fault {
	var faults []Fault
	for _, status := range []int{408, 409, 500, 501, 502, 503, 504, 599} {
		faults = append(faults,
			Fault{Name: fmt.Sprintf("error-%d", status), Kind: ErrorAnswer, Status: status, Code: codeInternalError},
			Fault{Name: fmt.Sprintf("html-%d", status), Kind: HTMLAnswer, Status: status},
			Fault{Name: fmt.Sprintf("empty-%d", status), Kind: EmptyAnswer, Status: status},
			Fault{Name: fmt.Sprintf("denied-%d", status), Kind: ErrorAnswer, Status: status, Code: codeAccessDenied})
	}
	return append(faults,
		Fault{Name: "expired-500", Kind: ErrorAnswer, Status: 500, Code: codeRequestExpired},
		Fault{Name: "error-503-retry-after", Kind: ErrorAnswer, Status: 503, RetryAfter: "0"})
}

// documentedRefusals are the documented codes with their statuses.
func documentedRefusals() []Fault {
	var faults []Fault
	for _, code := range []string{
		codeAccessDenied, codeInvalidAccessKeyID, codeInvalidHTTPAuthHeader, codeSignatureDoesNotMatch,
		codeIamSignatureInvalid, codeRequestExpired, codeOptInRequired, codeInappropriateJSON,
		codeMalformedJSON, codeInvalidHTTPRequest, codeInvalidURI, codeInvalidVersion, codePreconditionFailed,
	} {
		faults = append(faults, Fault{
			Name: "refused-" + strings.ToLower(code), Kind: ErrorAnswer, Status: statusOf[code], Code: code,
		})
	}
	return faults
}

func otherRefusals() []Fault {
	return []Fault{
		{Name: "error-400-internal", Kind: ErrorAnswer, Status: 400, Code: codeInternalError},
		{Name: "error-422", Kind: ErrorAnswer, Status: 422},
		{Name: "html-400", Kind: HTMLAnswer, Status: 400},
		{Name: "empty-404", Kind: EmptyAnswer, Status: 404},
		{Name: "error-300", Kind: ErrorAnswer, Status: 300},
		{Name: "gateway-403", Kind: EmptyAnswer, Status: 403, Code: codeIamSignatureInvalid, Message: "IamSignatureInvalid"},
		{Name: "code-in-200", Kind: ErrorAnswer, Status: 200, Code: codeAccessDenied, Message: "Access denied."},
		{Name: "error-code-in-200", Kind: OlderError},
		{Name: "throttled-always", Kind: ErrorAnswer, Status: 429, RetryAfter: "0"},
		{Name: "throttled-always-html", Kind: HTMLAnswer, Status: 429, RetryAfter: "0"},
	}
}

func redirects(location string) []Fault {
	var faults []Fault
	for _, status := range []int{301, 302, 303, 307, 308} {
		faults = append(faults, Fault{
			Name: fmt.Sprintf("redirect-%d", status), Kind: Redirect, Status: status, Location: location,
		})
	}
	return faults
}

// endingFaults are over before a client has to give up.
func endingFaults() []Fault {
	return []Fault{
		{Name: "early-hints", Kind: EarlyHints},
		{Name: "throttled-twice", Kind: ErrorAnswer, Status: 429, RetryAfter: "0", Attempts: 2},
		{Name: "expired-once", Kind: ErrorAnswer, Status: 400, Code: codeRequestExpired, Attempts: 1},
	}
}
