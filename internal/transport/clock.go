package transport

import (
	"sync/atomic"
	"time"
)

// clock is this machine's, moved by the Date of a response that rejected our time.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

// correct takes the service's time from an attempt's response. False means: there was none to take.
func (c *clock) correct(a *Attempt) bool {
	skew, ok := a.Skew()
	if ok {
		c.offset.Store(int64(skew))
	}
	return ok
}
