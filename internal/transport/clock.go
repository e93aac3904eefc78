package transport

import (
	"net/http"
	"sync/atomic"
	"time"
)

// clock is this machine's, moved by what a service that rejected our time told us.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

// correct takes the service's time from an answer's Date header. False means: there was none to take.
func (c *clock) correct(header http.Header) bool {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return false
	}
	c.offset.Store(int64(time.Until(date)))
	return true
}
