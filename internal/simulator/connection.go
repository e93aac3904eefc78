package simulator

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strconv"
)

// breaks are the faults in which more goes wrong than an answer: how each is done.
var breaks = map[Kind]func(f Fault, x *exchange, status int, body []byte){
	Reset:      func(f Fault, x *exchange, _ int, _ []byte) { x.takeOver(f, reset) },
	Close:      func(f Fault, x *exchange, _ int, _ []byte) { x.takeOver(f, func(net.Conn) {}) },
	CutLength:  cut,
	CutChunked: cut,
	ThenClose:  cut,
	Twice:      answerTwice,
}

// takeOver takes the connection from the server after the fault's delay, to break it by hand, and closes it. If there is
// none to take it answers 500.
func (x *exchange) takeOver(f Fault, by func(net.Conn)) {
	if !wait(x.r.Context(), f.Delay) {
		return
	}
	conn, _, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		x.refuse(invented(CodeInvalidFault, "the connection cannot be broken: %v", err))
		return
	}
	by(conn)
	conn.Close()
}

// reset makes the close of a connection a reset. Under TLS it is the connection below that is reset, without a
// close-notify.
func reset(conn net.Conn) {
	if wrapper, wraps := conn.(interface{ NetConn() net.Conn }); wraps {
		conn = wrapper.NetConn()
		defer conn.Close()
	}
	if tcp, isTCP := conn.(*net.TCPConn); isTCP { // in memory there is no reset
		_ = tcp.SetLinger(0) // fails only if the connection is closed already
	}
}

// cut sends half of the body, or all of it, and ends the connection.
func cut(f Fault, x *exchange, status int, body []byte) {
	if f.Kind != CutChunked {
		x.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	if f.Kind != ThenClose {
		body = body[:len(body)/2]
	}
	x.w.WriteHeader(status)
	_, _ = x.w.Write(body)                      // a client that has gone misses nothing
	_ = http.NewResponseController(x.w).Flush() // else nothing of it would leave
	wait(x.r.Context(), f.Delay)
	panic(http.ErrAbortHandler)
}

// answerTwice sends both answers in one piece. The connection stays open until the client closes it, as it does with one
// that says more than it was asked.
func answerTwice(f Fault, x *exchange, status int, body []byte) {
	response := http.Response{
		StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Header: x.w.Header().Clone(), ContentLength: int64(len(body)),
		Body: io.NopCloser(bytes.NewReader(body)),
	}
	x.takeOver(f, func(conn net.Conn) {
		var raw bytes.Buffer
		_ = response.Write(&raw)                        // a Buffer takes everything
		_, _ = conn.Write(bytes.Repeat(raw.Bytes(), 2)) // a client that has gone misses nothing
		_, _ = io.Copy(io.Discard, conn)
	})
}
