package transport

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
)

// dialer makes the connections of the default transport.
type dialer struct{ demand demand }

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if err := d.demand.await(attemptContext(ctx)); err != nil {
		return nil, err
	}
	ctx, done := dialContext(ctx)
	defer done()
	var plain net.Dialer
	dialed, err := plain.DialContext(ctx, network, address)
	if err != nil {
		d.demand.dropped()
		return nil, err
	}
	return &conn{Conn: dialed, peek: newPeek(dialed), dropped: sync.OnceFunc(d.demand.dropped)}, nil
}

func (d *dialer) dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	plain, err := d.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	ctx, done := dialContext(ctx)
	defer done()
	secure := tls.Client(plain, &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12})
	if err := secure.HandshakeContext(ctx); err != nil {
		plain.Close()
		return nil, err
	}
	return secure, nil
}

// underway is the context of an attempt, beside what that comes to. A dial finds it in its own, which net/http has
// cut off from it.
type underway struct {
	context.Context
	attempt Attempt
	served  atomic.Bool // an answer came, over whichever connection
}

type underwayKey struct{}

func (u *underway) Value(key any) any {
	if key == (underwayKey{}) {
		return u
	}
	return u.Context.Value(key)
}

// attemptContext is that of the attempt that a dial is for.
func attemptContext(ctx context.Context) context.Context {
	if attempt, ok := ctx.Value(underwayKey{}).(*underway); ok {
		return attempt
	}
	return ctx
}

// dialContext ends with the attempt: net/http would let a dial go on whatever became of its request. Only where
// another connection served the attempt it goes on, to the attempt's deadline: the next one uses what it makes.
func dialContext(ctx context.Context) (context.Context, context.CancelFunc) {
	attempt, ok := ctx.Value(underwayKey{}).(*underway)
	if !ok {
		return ctx, func() {}
	}
	deadline, _ := attempt.Deadline() // each attempt has one
	ctx, cancel := context.WithDeadline(ctx, deadline)
	stop := context.AfterFunc(attempt, func() {
		if !attempt.served.Load() {
			cancel()
		}
	})
	return ctx, func() { stop(); cancel() }
}
