package simulator

import (
	"errors"
	"net"
	"net/http"
	"time"
)

// Serve starts the handler on a free port of 127.0.0.1. See ServeAt.
func Serve(handler *Simulator) (url string, stop func() error, err error) {
	return ServeAt("127.0.0.1:0", handler)
}

// ServeAt starts the handler on an address and returns its URL. stop closes the
// server and every connection, and waits for the listener to end; its error is
// the first that the server met.
func ServeAt(addr string, handler *Simulator) (url string, stop func() error, err error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	stop = func() error {
		err := server.Close()
		if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(served, err)
		}
		ended <- http.ErrServerClosed // so that stop may be called again
		return err
	}
	return "http://" + listener.Addr().String(), stop, nil
}
