package model

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/qianfan-go/computeunit"
)

// RefusalCodes are for WithRefusalCodes: row 7 has them.
var RefusalCodes = []string{"StockIsOut", "4711"}

// refusalStatuses are those of row 6.
var refusalStatuses = []int{
	307, 308, 400, 401, 402, 403, 404, 405, 407, 410, 411, 412, 413, 414, 415, 417, 421, 422, 426, 428, 431, 451,
}

var documentedRefusals = []string{
	"AccessDenied", "InvalidAccessKeyId", "InvalidHTTPAuthHeader", "SignatureDoesNotMatch", "InvalidMarker",
	"IdempotentParameterMismatch", "IamSignatureInvalid", "OptInRequired", "InappropriateJSON", "MalformedJSON",
	"InvalidHTTPRequest", "InvalidURI", "InvalidVersion", "PreconditionFailed",
}

// otherStatuses are of row 9.
var otherStatuses = []int{
	300, 303, 305, 306, 399, 406, 408, 409, 416, 418, 420, 423, 424, 425, 430, 444, 460, 499,
	500, 501, 502, 503, 504, 505, 507, 511, 520, 524, 529, 599,
}

const (
	denied  = `{"requestId":"r-1","code":"AccessDenied","message":"Access denied."}`
	expired = `{"requestId":"r-1","code":"RequestExpired","message":"expired"}`
	page    = "Content-Type: text/html\n\n<html>not what you asked for</html>"
	nothing = ""
	ids     = `"instanceId":"{instanceId}","orderId":"{orderId}"`
	bought  = `{"requestId":"r-1","result":{` + ids + `}}`
	mark    = "\ufeff"
	gbk     = "\xce\xde" // no UTF-8
)

// refused are what a response that refuses can be.
var refused = []string{
	denied, page, nothing, mark + denied, `{"requestId":7,"code":"Unheard","message":8,"result":{},"more":[{}]}`,
	`{"error_code":6,"error_msg":"no permission","result":false,"success":false}`,
	`{"error":{"code":"invalid_iam_token","message":"no"},"code":0,"instanceId":""}`,
	"X-Bce-Error-Code: IamSignatureInvalid\nX-Bce-Error-Message: no\n\n",
	"Date: Mon, 01 Jan 2001 00:00:00 GMT\n\n" + denied,
}

// contradictory are responses that refuse, and cannot be believed.
var contradictory = []string{
	// a failure inside
	`{"code":"InternalError"}`, `{"code":336000}`, `{"error_code":336100,"error_msg":"try again"}`, `{"error":"internal_server_error"}`,
	`{"code":"AccessDenied","error":{"code":500000}}`, "X-Bce-Error-Code: InternalError\n\n" + denied, "X-Bce-Error-Code: InternalError\n\n",
	// something in the result, an id, success
	`{"code":"AccessDenied","result":{` + ids + `}}`, `{"code":"AccessDenied","result":true}`, `{"code":"AccessDenied","result":{"orderId":7}}`,
	`{"code":"AccessDenied","orderId":"{orderId}"}`, `{"code":"AccessDenied","instanceId":7}`, `{"code":"AccessDenied","success":true}`,
	// not one object with each field once, and of its type
	`{"code":"AccessDenied","code":"AccessDenied"}`, `{"code":"AccessDenied","Code":"AccessDenied"}`, `{"code":["AccessDenied"]}`,
	`{"code":"AccessDenied","success":"false"}`, denied + denied, "[" + denied + "]", `{"code":"AccessDenied"`, "\n" + denied + "]",
	"\xff\xfe{\x00}\x00", "Content-Encoding: br\n\n" + denied, "Content-Encoding: gzip\n\n" + denied,
}

// Faults are the rows of docs/outcomes.md that a response, or none, decides, for a client that sends up to three times and
// knows RefusalCodes. Redirects lead elsewhere.
func Faults(elsewhere string) []Fault {
	known := append(slices.Clone(documentedRefusals), RefusalCodes...)
	for i, code := range known {
		known[i] = `{"requestId":"r-1","code":"` + code + `","message":"no","result":{}}`
	}
	redirect := "Location: " + elsewhere + "\n\n"
	return slices.Concat(
		times(2, answers(4, nil, []int{429}, "Retry-After: 0\n\n"+denied, "Retry-After: 0\n\n")),
		answers(4, computeunit.ErrNotPurchased, []int{429}, append(refused, "Retry-After: 0\n\n"+denied, expired)...),
		times(1, answers(5, nil, refusalStatuses, expired)),
		answers(5, computeunit.ErrNotPurchased, []int{400, 403}, expired, "Retry-After: 0\n\n"+expired),
		answers(6, computeunit.ErrNotPurchased, refusalStatuses, append(refused, redirect, "Retry-After: 0\n\n"+denied)...),
		answers(7, computeunit.ErrNotPurchased, []int{200}, known...),
		answers(7, computeunit.ErrNotPurchased, []int{200, 201, 202, 299}, expired, mark+denied, `{"error_code":4711}`,
			"X-Bce-Error-Code: AccessDenied\n\n{}"),
		answers(8, nil, []int{200, 201, 202, 299}, bought, mark+bought, `{"requestId":7,"result":{"instanceId":"{instanceId}"}}`,
			`{"result":{"orderId":"{orderId}","instanceId":null,"more":1},"code":null,"error":{},"success":true,"message":["`+gbk+`"]}`,
			`{"code":0,"error_code":"","error":"","RESULT":{`+ids+`},"startTime":1}`, "X-Bce-Error-Code: 0\n\n"+bought),
		answers(9, computeunit.ErrOutcomeUnknown, otherStatuses, denied, bought, page, nothing, "Retry-After: 0\n\n"+expired),
		answers(9, computeunit.ErrOutcomeUnknown, []int{301, 302, 303}, redirect),
		answers(9, computeunit.ErrOutcomeUnknown, []int{101, 204, 304}, nothing, "X-Bce-Error-Code: AccessDenied\n\n"),
		answers(9, computeunit.ErrOutcomeUnknown, []int{200, 400, 403}, contradictory...),
		answers(9, computeunit.ErrOutcomeUnknown, []int{429}, "Retry-After: 0\n\n"+`{"code":"InternalError"}`, "Retry-After: 0\n\n{"),
		answers(9, computeunit.ErrOutcomeUnknown, []int{200, 202}, page, nothing, "X-Bce-Error-Code: AccessDenied\n\n", "{}", "null", `"bought"`,
			`{"requestId":"r-1"}`, `{"result":true}`, `{"result":"{orderId}"}`, `{"result":[{`+ids+`}]}`, `{`+ids+`}`,
			`{"result":{"instanceId":"","orderId":null}}`, `{"result":{"instanceId":7}}`, `{"result":{"instanceId":"{instanceId} "}}`,
			`{"result":{"instanceId":"{instanceId}","orderId":7}}`, `{"result":{"orderId":"{orderId}","orderID":"{orderId}"}}`,
			`{"code":"Processing"}`, `{"code":"accessdenied"}`, `{"code":"AccessDenied "}`, `{"code":1}`, `{"error":"AccessDenied"}`,
			`{"code":"Unheard","result":{`+ids+`}}`, `{"success":false,"result":{`+ids+`}}`, `{"error":{"code":1},"result":{`+ids+`}}`,
			"X-Bce-Error-Code: AccessDenied\n\n"+bought, bought+bought, bought+"]"),
		broken(),
		acts(8, nil, map[string]func(Exchange) bool{"the answer comes in pieces": sendPieces, "early hints": sendHints, "as it is": send}),
	)
}

// answers has each response at each moment that its outcome allows: an order that was made is not denied, and none is claimed
// that was not made.
func answers(row int, want error, statuses []int, texts ...string) (faults []Fault) {
	for _, status := range statuses {
		for _, text := range texts {
			faults = append(faults, moments(Fault{Name: fmt.Sprintf("row %d: %d %.60q", row, status, text), Want: want, Status: status, Text: text})...)
		}
	}
	return faults
}

func moments(f Fault) (faults []Fault) {
	if f.Want != nil {
		faults = append(faults, f)
	}
	if f.Want != computeunit.ErrNotPurchased {
		f.Orders = true
		f.Name += ", after an order"
		faults = append(faults, f)
	}
	return faults
}

// times has faults end: then the service serves.
func times(n int, faults []Fault) []Fault {
	for i := range faults {
		faults[i].Times, faults[i].Orders = n, false
		faults[i].Name = strings.Replace(faults[i].Name, ", after an order", fmt.Sprintf(", %d times", n), 1)
	}
	return faults
}

// broken are of row 10, or break off: the whole of it would be something else.
func broken() []Fault {
	faults := acts(10, computeunit.ErrOutcomeUnknown, map[string]func(Exchange) bool{
		"the connection ends": lose(false), "the connection is reset": lose(true), "the answer is cut": cut,
		"the request comes late": late, "nothing comes": hang, "half of the answer comes": hangHalfway,
	})
	before := func(name string, status int, text string, act func(Exchange) bool) {
		faults = append(faults, Fault{Name: "row 10: " + name, Want: computeunit.ErrOutcomeUnknown, Status: status, Text: text, Act: act})
	}
	before("the request is lost", 403, denied, lose(false))
	before("the request is lost, reset", 403, denied, lose(true))
	before("a refusal is cut", 403, denied, cut)
	before("a page is cut", 403, page, cut)
	before("chunks are cut", 403, "Transfer-Encoding: chunked\n\n6\r\n<html>\r\n", sendAndClose)
	before("a page is too long", 403, page+strings.Repeat(" ", 1<<20), send)
	before("a body never ends", 200, "Transfer-Encoding: chunked\n\n", sendEndlessly)
	return faults
}

func acts(row int, want error, ways map[string]func(Exchange) bool) (faults []Fault) {
	for name, act := range ways {
		faults = append(faults, Fault{Name: fmt.Sprintf("row %d: %s", row, name), Want: want, Orders: true, Act: act})
	}
	slices.SortFunc(faults, func(a, b Fault) int { return strings.Compare(a.Name, b.Name) })
	return faults
}

// Faults that reach the next purchase on the same connection, which then need not know its outcome.
var (
	// CloseAfter ends the connection after a whole answer. It may be about to be used again.
	CloseAfter = Fault{Name: "row 3: the connection is closed after the answer", Orders: true, Act: sendAndClose}
	// Twice is a server that answers twice.
	Twice = Fault{Name: "row 8: the answer comes twice", Orders: true, Act: func(x Exchange) bool {
		_, err := x.Conn.Write(bytes.Repeat(x.Answer(), 2))
		return err == nil
	}}
)

func sendAndClose(x Exchange) bool {
	x.Conn.Write(x.Answer())
	return false
}

func sendPieces(x Exchange) bool {
	for piece := range bytes.Lines(x.Answer()) {
		x.Conn.Write(piece)
	}
	return true
}

func sendHints(x Exchange) bool {
	io.WriteString(x.Conn, "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n")
	return send(x)
}

func sendEndlessly(x Exchange) bool {
	chunk := fmt.Appendf(nil, "%x\r\n%s\r\n", 1<<16, bytes.Repeat([]byte(" "), 1<<16))
	for _, err := x.Conn.Write(x.Answer()); err == nil; {
		_, err = x.Conn.Write(chunk)
	}
	return false
}

// lose breaks the connection in place of an answer, with a reset or an orderly end.
func lose(reset bool) func(Exchange) bool {
	return func(x Exchange) bool {
		x.Answer()
		if reset {
			beneathTLS(x.Conn).(*net.TCPConn).SetLinger(0)
		}
		return false
	}
}

func beneathTLS(conn net.Conn) net.Conn {
	if secure, ok := conn.(*tls.Conn); ok {
		return secure.NetConn()
	}
	return conn
}

// cut sends any number of bytes, but not all.
func cut(x Exchange) bool {
	answer := x.Answer()
	x.Conn.Write(answer[:int(crc32.ChecksumIEEE([]byte(x.ServiceID)))%len(answer)])
	return false
}

// late has the request arrive when its client has given up.
func late(x Exchange) bool {
	io.Copy(io.Discard, x.Conn)
	x.Answer()
	return false
}

func hang(x Exchange) bool {
	x.Answer()
	io.Copy(io.Discard, x.Conn)
	return false
}

func hangHalfway(x Exchange) bool {
	answer := x.Answer()
	x.Conn.Write(answer[:len(answer)/2])
	io.Copy(io.Discard, x.Conn)
	return false
}
