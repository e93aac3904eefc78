package simulator

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
)

// takeOver takes the connection from the server, to break it by hand. If there
// is none to take it answers 500 and returns nil.
func (x *exchange) takeOver() net.Conn {
	conn, _, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		x.refuse(invented(CodeInvalidFault, "the connection cannot be broken: %v", err))
		return nil
	}
	return conn
}

// aborted ends the answer of a writer that has no connection and can do without.
func (x *exchange) aborted(err error) bool {
	writer, can := x.w.(interface{ abort(error) })
	if can {
		writer.abort(err)
	}
	return can
}

func resetConnection(_ Fault, x *exchange, _ []byte) {
	if x.aborted(syscall.ECONNRESET) {
		return
	}
	conn := x.takeOver()
	if conn == nil {
		return
	}
	defer conn.Close()
	setLinger(conn)
}

// setLinger makes the close of a connection a reset. Under TLS it is the
// connection below that is reset, without a close-notify.
func setLinger(conn net.Conn) {
	if wrapper, wraps := conn.(interface{ NetConn() net.Conn }); wraps {
		conn = wrapper.NetConn()
		defer conn.Close()
	}
	tcp, isTCP := conn.(*net.TCPConn)
	if !isTCP {
		panic(fmt.Sprintf("simulator: a %T cannot be reset", conn))
	}
	_ = tcp.SetLinger(0) // fails only if the connection is closed already
}

func closeConnection(_ Fault, x *exchange, _ []byte) {
	if x.aborted(io.EOF) {
		return
	}
	if conn := x.takeOver(); conn != nil {
		conn.Close()
	}
}

func cutLength(f Fault, x *exchange, body []byte) {
	status, body := f.orElse(x, body)
	x.w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	x.cut(status, body[:len(body)/2])
}

func cutChunked(f Fault, x *exchange, body []byte) {
	status, body := f.orElse(x, body)
	half := body[:len(body)/2]
	x.w.Header().Set("Transfer-Encoding", "chunked")
	x.cut(status, fmt.Appendf(nil, "%x\r\n%s\r\n", len(half), half))
}

// cut sends an answer by hand, because net/http would make it whole, and closes.
func (x *exchange) cut(status int, body []byte) {
	if x.aborted(io.ErrUnexpectedEOF) {
		return
	}
	header := x.w.Header().Clone()
	if conn := x.takeOver(); conn != nil {
		_, _ = conn.Write(rawAnswer(status, header, body)) // a client that has gone misses nothing
		conn.Close()
	}
}

// answerTwice sends both answers in one piece. The connection stays open until
// the client closes it, as it does with one that says more than it was asked.
func answerTwice(_ Fault, x *exchange, body []byte) {
	if _, inMemory := x.w.(*memoryWriter); inMemory {
		x.write(http.StatusOK, body) // no connection that a second answer could stay on
		return
	}
	header := x.w.Header().Clone()
	header.Set("Content-Length", fmt.Sprint(len(body)))
	conn := x.takeOver()
	if conn == nil {
		return
	}
	defer conn.Close()
	_, _ = conn.Write(bytes.Repeat(rawAnswer(http.StatusOK, header, body), 2))
	_, _ = io.Copy(io.Discard, conn)
}

func rawAnswer(status int, header http.Header, body []byte) []byte {
	var raw bytes.Buffer
	fmt.Fprintf(&raw, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	_ = header.Write(&raw) // a Buffer takes everything
	raw.WriteString("\r\n")
	raw.Write(body)
	return raw.Bytes()
}
