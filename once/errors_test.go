package once_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/qianfan-go/computeunit/once"
)

func TestErrorTexts(t *testing.T) {
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	assert.EqualError(t, &once.BlockedError{Key: "a", ServiceID: "svco-1", Since: at, NotBefore: at.Add(time.Hour), Candidates: []string{"i"}},
		`the purchase with key "a" for service "svco-1" is open since 2030-01-02T03:04:05Z, and new instances are listed that belong to no key: `+
			`["i"]; a listing may still settle it, or a person with ResolveBought, or after 2030-01-02T04:04:05Z with ResolveNotPurchased`)
	assert.EqualError(t, &once.BlockedError{Key: "a", ServiceID: "svco-1", Since: at},
		`the purchase with key "a" for service "svco-1" is open since 2030-01-02T03:04:05Z; a listing may still settle it, or a person with ResolveBought`)
	assert.EqualError(t, &once.TooEarlyError{Until: at},
		"too early: an attempt can still make an order until 2030-01-02T03:04:05Z by the service's clock; look for an order after that, and call again")
}
