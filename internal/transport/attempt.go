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
	"time"

	"github.com/qianfan-go/computeunit/internal/bceauth"
)

// MaxAnswer is how many bytes of an answer's body are read. A longer one is not an answer of this API.
const MaxAnswer = 1 << 20

const requestIDHeader = "X-Bce-Request-Id"

// ErrTooLarge is Attempt.Err where the body is longer than MaxAnswer.
var ErrTooLarge = fmt.Errorf("the answer is longer than %d bytes", MaxAnswer)

// Reach is how far an attempt came.
type Reach int

const (
	// Unready: there was nothing to send with (no credentials), or no time left to send in.
	Unready Reach = iota
	// Unconnected: it is certain that no byte of the request left this machine, and that none will.
	Unconnected
	// Sent: bytes may have left, and no answer came.
	Sent
	// Answered: the status and the headers of an answer came. Err tells whether its body is whole.
	Answered
)

// Attempt is what sending a request once came to.
type Attempt struct {
	Number    int    // from 1
	RequestID string // the x-bce-request-id that was sent
	Reached   Reach
	Status    int // from here to Body: only if Answered
	Header    http.Header
	Body      []byte
	Err       error // why there is no answer, or not a whole one
	Permanent bool  // Unconnected, and another attempt would end the same
	Duration  time.Duration

	SignatureExpires time.Time
	ReceivedAt       time.Time
}

func (a *Attempt) Redact(text string) string { return bceauth.Redact(text) }

func (t *Transport) attempt(ctx context.Context, call *Request, number int) *Attempt {
	started := time.Now()
	attemptCtx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	u := &underway{Context: attemptCtx, attempt: Attempt{Number: number}}
	t.perform(u, call)
	a := &u.attempt
	if a.Err != nil {
		a.Err = bceauth.RedactError(t.explain(ctx, attemptCtx, a.Err))
	}
	a.Duration = time.Since(started)
	return a
}

// perform signs last thing before sending, so that the signature is as fresh as it can be.
func (t *Transport) perform(ctx *underway, call *Request) {
	a := &ctx.attempt
	if a.Err = ctx.Err(); a.Err != nil {
		return
	}
	credentials, err := t.credentials(ctx)
	if err != nil {
		a.Err = fmt.Errorf("no credentials: %w", err)
		return
	}
	if a.Err = ctx.Err(); a.Err != nil { // the provider took all the time there was
		return
	}
	a.RequestID = newRequestID()
	req := t.newRequest(call, a.RequestID)
	now := t.clock.now()
	bceauth.Sign(req, credentials, now)
	a.SignatureExpires = now.Truncate(time.Second).Add(bceauth.Expiry)
	if call.Before != nil {
		if a.Err = call.Before(ctx, a); a.Err == nil {
			a.Err = ctx.Err()
		}
		if a.Err != nil {
			return
		}
	}
	t.dialer.demand.begin()
	defer t.dialer.demand.end()
	response, err := t.send(ctx, req, call.Body, a)
	if err != nil {
		a.Err = err
		return
	}
	defer response.Body.Close()
	ctx.served.Store(true)
	a.Reached, a.Status, a.Header = Answered, response.StatusCode, response.Header
	a.ReceivedAt = time.Now()
	a.Body, a.Err = readAnswer(response)
}

func (t *Transport) newRequest(call *Request, requestID string) *http.Request {
	target := call.URL
	if t.own == nil { // a caller's transport may write to it
		copied := *call.URL
		target = &copied
	}
	values := [...]string{"application/json", t.userAgent, requestID}
	return &http.Request{
		Method: http.MethodPost,
		URL:    target,
		Host:   call.URL.Host,
		Header: http.Header{ // one array for all; no value has room to grow into the next
			"Content-Type":  values[0:1:1],
			"User-Agent":    values[1:2:2],
			requestIDHeader: values[2:3:3],
		},
		ContentLength: int64(len(call.Body)),
	}
}

// send goes round again only where the gate proves that nothing was written on an idle connection that turned
// out closed. net/http would not do that by itself: no request of ours has a GetBody or an Idempotency-Key.
func (t *Transport) send(ctx context.Context, req *http.Request, content []byte, a *Attempt) (*http.Response, error) {
	for {
		g := &gate{trust: t.trust(), requestID: a.RequestID}
		response, err := t.roundTrip(ctx, req, content, g)
		if err == nil {
			return response, nil
		}
		if !g.shut() || t.speaksOtherProtocol() {
			a.Reached = Sent
			return nil, err
		}
		if !g.reused || ctx.Err() != nil {
			a.Reached, a.Permanent = Unconnected, hopeless(err)
			return nil, err
		}
	}
}

// roundTrip asks the RoundTripper, not an http.Client: so no redirect is followed and no cookie sent.
func (t *Transport) roundTrip(ctx context.Context, req *http.Request, content []byte, g *gate) (*http.Response, error) {
	traced := httptrace.WithClientTrace(ctx, g.trace())
	sent := req.WithContext(traced)
	sent.Body = io.NopCloser(bytes.NewReader(content)) // net/http knows these two, and writes all at once
	response, err := t.roundTripper().RoundTrip(sent)
	switch {
	case err != nil:
		return nil, err
	case response == nil:
		return nil, errors.New("the transport returned neither an answer nor an error")
	case response.Body == nil:
		response.Body = http.NoBody
	case g.stray.Load():
		response.Body.Close()
		return nil, errStray
	}
	return response, nil
}

func readAnswer(response *http.Response) ([]byte, error) {
	if response.StatusCode == http.StatusSwitchingProtocols {
		return nil, nil // no body: it is the connection, which no context ends
	}
	answer, err := io.ReadAll(io.LimitReader(response.Body, MaxAnswer+1))
	if err == nil && len(answer) > MaxAnswer {
		return nil, ErrTooLarge
	}
	if err != nil {
		err = fmt.Errorf("the answer was cut off: %w", err)
	}
	return answer, err
}

// explain adds whose limit ended the attempt. net/http tells only context.Cause, if anything.
func (t *Transport) explain(ctx, attemptCtx context.Context, err error) error {
	ended := attemptCtx.Err()
	if ended == nil {
		return err
	}
	if !errors.Is(err, ended) {
		err = fmt.Errorf("%w: %w", ended, err)
	}
	if ctx.Err() == nil {
		err = fmt.Errorf("the attempt took longer than %s: %w", t.timeout, err)
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
