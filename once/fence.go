package once

import (
	"fmt"
	"time"
)

const (
	// signatureLife is how long a signature of the client is valid.
	signatureLife = 5 * time.Minute
	// leastLeft is how much of it an attempt must have when it is sent.
	leastLeft = 10 * time.Second
)

// checkFence refuses an attempt whose signature would expire long after the service's own time (rule 5). A clock that is
// a year ahead would put the fence, before which nothing can be said, a year away.
func checkFence(expires, listed time.Time) error {
	switch {
	case listed.IsZero():
		return fmt.Errorf("the listing before the purchase has no Date header, so nothing is known of the service's clock")
	case expires.IsZero():
		return fmt.Errorf("the client did not say when the signature expires")
	case expires.After(listed.Add(2 * signatureLife)):
		return fmt.Errorf("the signature expires at %s, more than %s after the service's time of the listing, %s: "+
			"fix this machine's clock; if it is right, the wait for another attempt was long: try again", expires.UTC().Format(time.RFC3339),
			2*signatureLife, listed.Format(time.RFC3339))
	}
	return nil
}

// checkLeft refuses an attempt that was signed too long ago.
func checkLeft(signed time.Time) error {
	if left := signatureLife - time.Since(signed); left < leastLeft {
		return fmt.Errorf("the signature expires in %s, less than %s: the journal was too slow", left, leastLeft)
	}
	return nil
}
