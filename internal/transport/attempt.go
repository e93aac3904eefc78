package transport

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"time"

	"github.com/qianfan-go/computeunit/internal/bceauth"
)

// MaxBody is how many bytes of a response's body are read. A longer one is not a response of this API.
const MaxBody = 1 << 20

// keptOfTooLarge is how much of a longer one is kept, to show what it was.
const keptOfTooLarge = 4 << 10

const requestIDHeader = "X-Bce-Request-Id"

// ErrTooLarge is Attempt.Err if the body is longer than MaxBody.
var ErrTooLarge = fmt.Errorf("the response is longer than %d bytes", MaxBody)

var errNoResponse = errors.New("the transport returned neither a response nor an error")

// Reach is how far an attempt came.
type Reach int

const (
	// Unready: there was nothing to send with (no credentials), no time left to send in, or Request.Before forbade it.
	Unready Reach = iota
	// Unconnected: it is certain that no byte of the request left this machine, and that none will.
	Unconnected
	// Sent: bytes may have left, and no response came.
	Sent
	// Answered: the status and the headers of a response came. Err is nil if its body is whole.
	Answered
)

// Attempt is what sending a request once came to. Header, Body and Err can repeat what was sent: see Redact.
type Attempt struct {
	Number           int       // from 1
	RequestID        string    // the x-bce-request-id that was sent, or was about to be
	SignatureExpires time.Time // when the service stops accepting the request, by the service's clock
	Reached          Reach
	Status           int // from here to Body: only if Answered
	Header           http.Header
	ReceivedAt       time.Time // by this machine's clock
	Body             []byte    // the beginning of it if Err is ErrTooLarge
	Unbounded        bool      // only the end of the connection ended Body: if that was cut off, nothing shows it
	Err              error     // why there is no response, or not a whole one; redacted
	Permanent        bool      // Unconnected, and another attempt would end the same
	Duration         time.Duration

	signature *bceauth.Signature // a pointer, which prints as an address
}

// Redact takes the signature and the session token that this attempt sent, and everything that looks like a signature,
// out of a text that came back.
func (a *Attempt) Redact(text string) string { return a.signature.Redact(text) }

// RedactError is Redact for the text of an error, which keeps what it wraps.
func (a *Attempt) RedactError(err error) error { return a.signature.RedactError(err) }

// Skew is how far the service's clock, by the response's Date, is ahead of this machine's: negative if it is behind. Date
// has whole seconds, and is as old as the response's way here took. ok is false if there is no Date.
func (a *Attempt) Skew() (skew time.Duration, ok bool) {
	date, err := http.ParseTime(a.Header.Get("Date"))
	if err != nil {
		return 0, false
	}
	return date.Sub(a.ReceivedAt), true
}

// underway is the context of an attempt, beside what that comes to. A dial finds it in its own, which net/http has cut
// off from it.
type underway struct {
	context.Context
	attempt Attempt
}

type underwayKey struct{}

func (u *underway) Value(key any) any {
	if key == (underwayKey{}) {
		return u
	}
	return u.Context.Value(key)
}

// attempt makes the request, and sends it.
func (t *Transport) attempt(ctx context.Context, r *Request, number int) *Attempt {
	started := time.Now()
	limited, cancel := context.WithTimeout(ctx, t.config.Timeout)
	defer cancel()
	u := &underway{Context: limited, attempt: Attempt{Number: number}}
	a := &u.attempt
	via, req, err := t.prepare(u, r)
	if err == nil {
		err = roundTrip(u, via, req, r.Body)
	}
	if err != nil {
		a.Err = a.signature.RedactError(t.nameLimit(ctx, limited, err))
	}
	a.Duration = time.Since(started)
	return a
}

// prepare signs last thing before sending, so that the signature is as fresh as it can be.
func (t *Transport) prepare(u *underway, r *Request) (route, *http.Request, error) {
	a := &u.attempt
	if err := u.Err(); err != nil {
		return route{}, nil, err
	}
	via, err := t.chooseRoute(u)
	if err != nil {
		return route{}, nil, err
	}
	credentials, err := t.config.Credentials(u)
	if err != nil {
		return route{}, nil, fmt.Errorf("no credentials: %w", err)
	}
	if err := u.Err(); err != nil { // the provider took all the time there was
		return route{}, nil, err
	}
	a.RequestID = newRequestID()
	req := t.newRequest(r, a.RequestID)
	a.signature = bceauth.Sign(req, credentials, t.clock.now())
	a.SignatureExpires = a.signature.Expires
	if r.Before == nil {
		return via, req, nil
	}
	if err := r.Before(u, a); err != nil {
		return route{}, nil, err
	}
	return via, req, u.Err()
}

func (t *Transport) newRequest(r *Request, requestID string) *http.Request {
	target := r.URL
	if t.own == nil { // a caller's transport may write to it
		copied := *r.URL
		target = &copied
	}
	values := [...]string{"application/json", t.config.UserAgent, requestID}
	return &http.Request{
		Method: http.MethodPost,
		URL:    target,
		Host:   r.URL.Host,
		Header: http.Header{ // one array for all; no value has room to grow into the next
			"Content-Type":  values[0:1:1],
			"User-Agent":    values[1:2:2],
			requestIDHeader: values[2:3:3],
		},
		ContentLength: int64(len(r.Body)),
	}
}

// evidence is what the trace hooks of a RoundTrip, and our own connections, showed of it.
type evidence interface {
	// trace returns the hooks to send with.
	trace() *httptrace.ClientTrace
	// notSent is asked when RoundTrip has ended with an error. True is certain: nothing left, and nothing will.
	notSent() bool
	// closedIdle reports that the request got an idle connection, which turned out closed.
	closedIdle() bool
	// explain adds to an error what only the hooks show.
	explain(error) error
	// refuse returns why a response is not one to this request, if it is not.
	refuse() error
}

// roundTrip asks the RoundTripper, not an http.Client: so no redirect is followed and no cookie sent. It sends again only if
// it is certain that nothing was written on an idle connection that turned out closed. net/http would not do that by
// itself: no request of ours has a GetBody or an Idempotency-Key.
func roundTrip(u *underway, via route, req *http.Request, body []byte) error {
	a := &u.attempt
	for {
		e := via.evidence(u, req)
		sent := req.WithContext(httptrace.WithClientTrace(u, e.trace()))
		sent.Body = io.NopCloser(bytes.NewReader(body)) // net/http knows these two, and writes all at once
		response, err := via.RoundTrip(sent)
		if err == nil && response != nil {
			if err = e.refuse(); err == nil {
				return a.read(response)
			}
			response.Body.Close() // nil only if it is a caller's transport, and that refuses nothing
		}
		if err == nil {
			err = errNoResponse
		}
		if !e.notSent() {
			a.Reached = Sent
			return e.explain(err)
		}
		if !e.closedIdle() || u.Err() != nil {
			err = e.explain(err)
			a.Reached, a.Permanent = Unconnected, permanent(err)
			return err
		}
	}
}

// read takes what there is of a response; the error is why that is not all.
func (a *Attempt) read(response *http.Response) error {
	a.Reached, a.Status, a.Header, a.ReceivedAt = Answered, response.StatusCode, response.Header, time.Now()
	body := response.Body
	if body == nil {
		body = http.NoBody
	}
	defer body.Close()
	if a.Status == http.StatusSwitchingProtocols {
		return nil // no body: it is the connection, which no context ends
	}
	var err error
	a.Body, err = io.ReadAll(io.LimitReader(body, MaxBody+1))
	a.Unbounded = isUnbounded(response, len(a.Body) > 0)
	if err == nil && len(a.Body) > MaxBody {
		clean := a.Redact(string(a.Body)) // before it is cut
		a.Body = []byte(clean[:min(len(clean), keptOfTooLarge)])
		return ErrTooLarge
	}
	if err == nil && int64(len(a.Body)) < declaredLength(response) { // net/http reports that itself; another transport may not
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("the response was cut off: %w", err)
	}
	return nil
}

// isUnbounded reports whether a body had neither a length nor chunks, so that it ended with its connection, which net/http
// then closes. What net/http decompressed, if anything came, had an end of its own. HTTP/2 marks each end.
func isUnbounded(response *http.Response, came bool) bool {
	return response.Close && response.ContentLength < 0 && len(response.TransferEncoding) == 0 && !(response.Uncompressed && came)
}

// declaredLength is the field's or the header's, whichever is more: a transport that is not net/http's may set only one. The
// header of a body that was decompressed is the length that it had before.
func declaredLength(response *http.Response) int64 {
	length := response.ContentLength
	if response.Uncompressed {
		return length
	}
	for text := range strings.SplitSeq(strings.Join(response.Header.Values("Content-Length"), ","), ",") {
		if declared, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64); err == nil {
			length = max(length, declared)
		}
	}
	return length
}

// nameLimit adds whose limit ended the attempt. net/http returns only context.Cause, if anything.
func (t *Transport) nameLimit(ctx, limited context.Context, err error) error {
	ended := limited.Err()
	if ended == nil {
		return err
	}
	if !errors.Is(err, ended) {
		err = fmt.Errorf("%w: %w", ended, err)
	}
	if ctx.Err() == nil {
		err = fmt.Errorf("the attempt took longer than %s: %w", t.config.Timeout, err)
	}
	return err
}

// newRequestID returns a random UUID (RFC 9562, version 4).
func newRequestID() string {
	var id [16]byte
	rand.Read(id[:]) // never fails
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	text := make([]byte, 0, 36)
	for i := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			text = append(text, '-')
		}
		text = hex.AppendEncode(text, id[i:i+1])
	}
	return string(text)
}
