package simulator

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
)

// takeOver takes the connection from the server, to break it by hand. Where
// there is none to take it answers 500 and returns nil.
func (x *exchange) takeOver() net.Conn {
	conn, _, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		x.refuse(refuse(CodeInvalidFault, "the connection cannot be broken: %v", err))
		return nil
	}
	return conn
}

func resetConnection(_ Fault, x *exchange, _ []byte) {
	conn := x.takeOver()
	if conn == nil {
		return
	}
	defer conn.Close()
	setLinger(conn)
}

// setLinger makes the close of a connection a reset. Under TLS it is the
// connection below that is reset, without a farewell.
func setLinger(conn net.Conn) {
	if wrapper, wraps := conn.(interface{ NetConn() net.Conn }); wraps {
		conn = wrapper.NetConn()
		defer conn.Close()
	}
	tcp, isTCP := conn.(*net.TCPConn)
	if !isTCP {
		panic(fmt.Sprintf("simulator: a %T cannot be reset", conn))
	}
	_ = tcp.SetLinger(0) // fails only where the connection is closed already
}

func closeConnection(_ Fault, x *exchange, _ []byte) {
	if conn := x.takeOver(); conn != nil {
		conn.Close()
	}
}

func cutLength(_ Fault, x *exchange, body []byte) {
	x.w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	x.cut(body[:len(body)/2])
}

func cutChunked(_ Fault, x *exchange, body []byte) {
	half := body[:len(body)/2]
	x.w.Header().Set("Transfer-Encoding", "chunked")
	x.cut(fmt.Appendf(nil, "%x\r\n%s\r\n", len(half), half))
}

// cut sends an answer by hand, because net/http would make it whole, and closes.
func (x *exchange) cut(body []byte) {
	header := x.w.Header().Clone()
	conn := x.takeOver()
	if conn == nil {
		return
	}
	defer conn.Close()
	var raw bytes.Buffer
	raw.WriteString("HTTP/1.1 200 OK\r\n")
	_ = header.Write(&raw) // a Buffer takes everything
	raw.WriteString("\r\n")
	raw.Write(body)
	_, _ = conn.Write(raw.Bytes()) // a client that has gone misses nothing
}
