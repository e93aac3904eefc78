package simulator

import (
	"fmt"
	"net/http"
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

// Catalogue is every fault, each with a stable name that ends in /before or
// /after, once for every When that its truth allows. It follows the outcome table
// row for row. Only EndlessHints is left out: a client reads 10 MiB of headers for
// each, too much for a campaign.
//
// redirectTo is the Location of the redirects, and must not be empty. delay is
// the Delay of the slow faults: longer than the client's patience, or 0 for as
// long as the client waits.
//
// The truths hold if a fault meets every request of a call (Config.Fault does
// that, Inject only one request), and the client sends up to three times after a
// 429 with a Retry-After, and twice after RequestExpired.
func Catalogue(redirectTo string, delay time.Duration) []CatalogueEntry {
	var entries []CatalogueEntry
	entries = append(entries, named(MustNotKnow, brokenFaults(delay))...)
	entries = append(entries, named(MustNotKnow, unknownStatuses())...)
	entries = append(entries, named(MustNotKnow, unknownSuccesses())...)
	entries = append(entries, named(MustNotKnow, unknownRefusals())...)
	entries = append(entries, named(MustNotKnow, redirects(redirectTo, 301, 302, 303))...)
	entries = append(entries, named(MustRefuse, redirects(redirectTo, 307, 308))...)
	entries = append(entries, named(MustRefuse, refusingFaults())...)
	entries = append(entries, named(MustRefuse, documentedRefusals())...)
	entries = append(entries, named(MustRefuse, oddRefusals())...)
	entries = append(entries, named(MustBuy, oddSuccesses())...)
	return append(entries, named(MustBuy, endingFaults())...)
}

// named gives each fault the moments that it can have, and its name for each. A
// raw answer says what its truth is: the ids of an order, or that there is none.
func named(truth Truth, faults []Fault) []CatalogueEntry {
	var entries []CatalogueEntry
	for _, fault := range faults {
		base := fault.Name
		refuses := truth == MustRefuse || fault.refuses()
		confirms := fault.confirms() || truth == MustBuy && fault.Kind == RawAnswer
		for _, when := range []When{BeforeOrder, AfterOrder} {
			fault.Name, fault.When = fmt.Sprintf("%s/%s", base, when), when
			if when == BeforeOrder && !confirms || when == AfterOrder && !refuses {
				entries = append(entries, CatalogueEntry{Fault: fault, Truth: truth})
			}
		}
	}
	return entries
}

// brokenFaults end without a whole answer of the API.
func brokenFaults(delay time.Duration) []Fault {
	faults := []Fault{
		{Name: "empty-200", Kind: EmptyAnswer, Status: 200},
		{Name: "empty-204", Kind: EmptyAnswer, Status: 204},
		{Name: "html-200", Kind: HTMLAnswer, Status: 200},
		{Name: "cut-length-403", Kind: CutLength, Status: 403},
		{Name: "cut-chunked-403", Kind: CutChunked, Status: 403},
		{Name: "huge-403", Kind: HugeBody, Status: 403},
	}
	for _, kind := range []Kind{
		Reset, Close, CutLength, CutChunked, WrongTypes, NoResult, EmptyIDs, HugeBody, EndlessBody, SlowHeaders, SlowBody,
	} {
		fault := Fault{Name: string(kind), Kind: kind}
		if kind == SlowHeaders || kind == SlowBody {
			fault.Delay = delay
		}
		faults = append(faults, fault)
	}
	return faults
}

// unknownStatuses are those that prove nothing, with every kind of body, with a
// Retry-After that tempts, and with a code that looks like a refusal.
func unknownStatuses() []Fault {
	faults := []Fault{
		{Name: "empty-101", Kind: EmptyAnswer, Status: 101},
		{Name: "expired-500", Kind: ErrorAnswer, Status: 500, Code: codeRequestExpired},
		{Name: "error-503-retry-after", Kind: ErrorAnswer, Status: 503, RetryAfter: "0"},
		{Name: "error-409-retry-after", Kind: ErrorAnswer, Status: 409, RetryAfter: "0"},
	}
	for _, status := range []int{
		300, 303, 304, 305, 306, 399, 406, 408, 409, 416, 418, 420, 423, 424, 425, 430, 432, 444, 450, 460, 499,
		500, 501, 502, 503, 504, 505, 507, 511, 520, 524, 529, 599,
	} {
		faults = append(faults,
			Fault{Name: fmt.Sprintf("error-%d", status), Kind: ErrorAnswer, Status: status, Code: codeInternalError},
			Fault{Name: fmt.Sprintf("denied-%d", status), Kind: ErrorAnswer, Status: status, Code: codeAccessDenied},
			Fault{Name: fmt.Sprintf("html-%d", status), Kind: HTMLAnswer, Status: status},
			Fault{Name: fmt.Sprintf("empty-%d", status), Kind: EmptyAnswer, Status: status})
	}
	return slices.DeleteFunc(faults, func(f Fault) bool { // a 304 has no body
		return f.Status == http.StatusNotModified && f.Kind != EmptyAnswer
	})
}

// unknownSuccesses are whole answers with a 2xx that neither confirm nor refuse.
func unknownSuccesses() []Fault {
	faults := []Fault{
		{Name: "internal-error-in-200", Kind: ErrorAnswer, Status: 200, Code: codeInternalError},
		{Name: "service-unavailable-in-200", Kind: ErrorAnswer, Status: 200, Code: "ServiceUnavailable"},
		{Name: "processing-in-200", Kind: ErrorAnswer, Status: 200, Code: "Processing"},
		{Name: "denied-in-other-case-in-200", Kind: ErrorAnswer, Status: 200, Code: "accessdenied"},
		{Name: "denied-with-blank-in-200", Kind: ErrorAnswer, Status: 200, Code: codeAccessDenied + " "},
	}
	for name, body := range map[string]string{
		"error-code-336000-in-200":  `{"error_code":336000,"error_msg":"internal error","id":"as-1"}`,
		"error-code-336100-in-200":  `{"error_code":336100,"error_msg":"try again"}`,
		"error-code-500000-in-200":  `{"error_code":500000,"error_msg":"internal error"}`,
		"error-code-1-in-200":       `{"error_code":1,"error_msg":"Unknown error"}`,
		"error-code-2-in-200":       `{"error_code":2,"error_msg":"Service temporarily unavailable"}`,
		"error-code-18-in-200":      `{"error_code":18,"error_msg":"Open api qps request limit reached"}`,
		"integer-code-in-200":       `{"code":336501,"msg":"Rate limit reached for RPM"}`,
		"integer-code-1-in-200":     `{"requestId":"{requestId}","code":1,"msg":"failed"}`,
		"code-with-ids-in-200":      `{"requestId":"{requestId}","code":"AccessDenied","result":{"instanceId":"{instanceId}","orderId":"{orderId}"}}`,
		"integer-with-ids-in-200":   `{"requestId":"{requestId}","code":500000,"result":{"instanceId":"{instanceId}","orderId":"{orderId}"}}`,
		"two-codes-in-200":          `{"requestId":"{requestId}","code":"AccessDenied","code":"Processing"}`,
		"two-bodies-in-200":         `{"requestId":"{requestId}","code":"AccessDenied"}{"requestId":"{requestId}","code":"AccessDenied"}`,
		"result-true-in-200":        `{"requestId":"{requestId}","result":true}`,
		"list-in-200":               `[{"requestId":"{requestId}"}]`,
		"null-in-200":               `null`,
		"numeric-id-in-200":         `{"requestId":"{requestId}","result":{"instanceId":7}}`,
		"denied-with-number-id-200": `{"requestId":"{requestId}","code":"AccessDenied","result":{"orderId":7}}`,
	} {
		faults = append(faults, Fault{Name: name, Kind: RawAnswer, Status: 200, Body: body})
	}
	return sorted(append(faults,
		Fault{Name: "accepted-202", Kind: RawAnswer, Status: 202, Body: `{"requestId":"{requestId}"}`},
		Fault{Name: "processing-in-202", Kind: ErrorAnswer, Status: 202, Code: "Processing"}))
}

// unknownRefusals have a status that refuses, and a body that takes it back.
func unknownRefusals() []Fault {
	return []Fault{
		{Name: "error-400-internal", Kind: ErrorAnswer, Status: 400, Code: codeInternalError},
		{Name: "error-400-336100", Kind: ErrorAnswer, Status: 400, Code: "336100"},
		{Name: "error-403-500000", Kind: ErrorAnswer, Status: 403, Code: "500000"},
		{Name: "error-429-internal", Kind: ErrorAnswer, Status: 429, Code: codeInternalError, RetryAfter: "0"},
		{Name: "error-code-336100-in-400", Kind: RawAnswer, Status: 400, Body: `{"error_code":336100,"error_msg":"try again"}`},
		{Name: "integer-code-336000-in-400", Kind: RawAnswer, Status: 400, Body: `{"code":336000,"msg":"internal error"}`},
		{Name: "gateway-400-internal", Kind: EmptyAnswer, Status: 400, Code: codeInternalError, Message: "internal error"},
		{Name: "ids-in-400", Kind: RawAnswer, Status: 400,
			Body: `{"requestId":"{requestId}","code":"PreconditionFailed","result":{"instanceId":"{instanceId}","orderId":"{orderId}"}}`},
		{Name: "order-id-in-403", Kind: RawAnswer, Status: 403,
			Body: `{"requestId":"{requestId}","code":"AccessDenied","result":{"orderId":"{orderId}"}}`},
		{Name: "number-id-in-400", Kind: RawAnswer, Status: 400,
			Body: `{"requestId":"{requestId}","code":"AccessDenied","result":{"instanceId":7}}`},
	}
}

// refusingFaults have each status that refuses, with every kind of body.
func refusingFaults() []Fault {
	var faults []Fault
	for _, status := range refusingStatuses {
		faults = append(faults,
			Fault{Name: fmt.Sprintf("error-%d", status), Kind: ErrorAnswer, Status: status},
			Fault{Name: fmt.Sprintf("html-%d", status), Kind: HTMLAnswer, Status: status},
			Fault{Name: fmt.Sprintf("empty-%d", status), Kind: EmptyAnswer, Status: status})
	}
	return faults
}

// documentedRefusals are the documented codes with their statuses, and in a 200.
func documentedRefusals() []Fault {
	var faults []Fault
	for _, code := range refusingCodes {
		name := "refused-" + strings.ToLower(code)
		faults = append(faults,
			Fault{Name: name, Kind: ErrorAnswer, Status: statusOf[code], Code: code},
			Fault{Name: name + "-in-200", Kind: ErrorAnswer, Status: 200, Code: code})
	}
	return faults
}

// gbkDenied is "no permission" in GBK, which is not UTF-8.
const gbkDenied = "\xce\xde\xc8\xa8\xcf\xde"

// oddRefusals refuse in a way that a client may stumble over.
func oddRefusals() []Fault {
	const denied = `"requestId":"{requestId}","code":"AccessDenied"`
	return []Fault{
		{Name: "gateway-403", Kind: EmptyAnswer, Status: 403, Code: codeIamSignatureInvalid, Message: "IamSignatureInvalid"},
		{Name: "signature-empty", Kind: ErrorAnswer, Status: 400, Code: codeSignatureEmpty},
		{Name: "resource-not-found", Kind: ErrorAnswer, Status: 404, Code: codeResourceNotFound},
		{Name: "out-of-stock", Kind: ErrorAnswer, Status: 400, Code: CodeOutOfStock},
		{Name: "out-of-balance", Kind: ErrorAnswer, Status: 429, Code: CodeOutOfBalance},
		{Name: "throttled-always", Kind: ErrorAnswer, Status: 429, RetryAfter: "0"},
		{Name: "throttled-always-html", Kind: HTMLAnswer, Status: 429, RetryAfter: "0"},
		{Name: "throttled-once-without-retry-after", Kind: ErrorAnswer, Status: 429, Attempts: 1},
		{Name: "denied-401-date-behind", Kind: ErrorAnswer, Status: 401, DateOff: -time.Hour},
		{Name: "denied-403-date-ahead", Kind: ErrorAnswer, Status: 403, Code: codeAccessDenied, DateOff: time.Hour},
		{Name: "denied-403-gzip", Kind: Gzip, Status: 403, Code: codeAccessDenied},
		{Name: "denied-403-bom", Kind: RawAnswer, Status: 403, Body: "\ufeff{" + denied + "}"},
		{Name: "denied-200-bom", Kind: RawAnswer, Status: 200, Body: "\ufeff{" + denied + "}"},
		{Name: "denied-403-gbk", Kind: RawAnswer, Status: 403, Body: "{" + denied + `,"message":"` + gbkDenied + `"}`},
		{Name: "denied-200-gbk", Kind: RawAnswer, Status: 200, Body: "{" + denied + `,"message":"` + gbkDenied + `"}`},
		{Name: "denied-200-numbers", Kind: RawAnswer, Status: 200, Body: `{"requestId":7,"code":"AccessDenied","message":8}`},
		{Name: "denied-200-empty-result", Kind: RawAnswer, Status: 200, Body: "{" + denied + `,"result":{}}`},
		{Name: "denied-403-no-request-id", Kind: RawAnswer, Status: 403, Body: `{"code":"AccessDenied","message":"Access denied."}`},
	}
}

// oddSuccesses confirm an order in a way that a client may stumble over.
func oddSuccesses() []Fault {
	const (
		ids    = `"instanceId":"{instanceId}","orderId":"{orderId}"`
		bought = `"requestId":"{requestId}","result":{` + ids + `}`
	)
	return []Fault{
		{Name: "early-hints", Kind: EarlyHints},
		{Name: "gzip", Kind: Gzip},
		{Name: "numbers", Kind: Numbers},
		{Name: "twice", Kind: Twice},
		{Name: "bom", Kind: RawAnswer, Status: 200, Body: "\ufeff{" + bought + "}"},
		{Name: "created-201", Kind: RawAnswer, Status: 201, Body: "{" + bought + "}"},
		{Name: "accepted-202-with-ids", Kind: RawAnswer, Status: 202, Body: "{" + bought + "}"},
		{Name: "null-code", Kind: RawAnswer, Status: 200, Body: "{" + bought + `,"code":null,"message":"` + gbkDenied + `"}`},
		{Name: "empty-code", Kind: RawAnswer, Status: 200, Body: "{" + bought + `,"code":"","message":""}`},
		{Name: "zero-code", Kind: RawAnswer, Status: 200, Body: "{" + bought + `,"code":0,"msg":"success"}`},
		{Name: "order-id-only", Kind: RawAnswer, Status: 200, Body: `{"requestId":"{requestId}","result":{"orderId":"{orderId}"}}`},
		{Name: "instance-id-only", Kind: RawAnswer, Status: 200, Body: `{"requestId":"{requestId}","result":{"instanceId":"{instanceId}"}}`},
	}
}

func redirects(location string, statuses ...int) []Fault {
	var faults []Fault
	for _, status := range statuses {
		faults = append(faults, Fault{
			Name: fmt.Sprintf("redirect-%d", status), Kind: Redirect, Status: status, Location: location,
		})
	}
	return faults
}

// endingFaults are over before a client has to give up.
func endingFaults() []Fault {
	return []Fault{
		{Name: "throttled-twice", Kind: ErrorAnswer, Status: 429, RetryAfter: "0", Attempts: 2},
		{Name: "expired-once", Kind: ErrorAnswer, Status: 400, Code: codeRequestExpired, Attempts: 1},
	}
}

// sorted gives the entries of a map a stable order.
func sorted(faults []Fault) []Fault {
	slices.SortFunc(faults, func(a, b Fault) int { return strings.Compare(a.Name, b.Name) })
	return faults
}
