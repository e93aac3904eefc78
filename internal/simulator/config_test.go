package simulator

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestTheZeroConfigHasAmpleStockAndBalance(t *testing.T) {
	s := New(Config{})
	assert.Equal(t, DefaultStock, s.Stock())
	assert.Equal(t, DefaultBalance, s.Balance())
}

func TestANegativeStockOrBalanceIsNothing(t *testing.T) {
	s := New(Config{Stock: -1, Balance: -1})
	assert.Zero(t, s.Stock())
	assert.Zero(t, s.Balance())
}

func TestTheZeroConfigHasTheRealClock(t *testing.T) {
	c := defaultCaller()
	c.at = time.Now()
	assert.Equal(t, http.StatusOK, serve(New(Config{}), c.request(purchasePath, postpaidBody)).Status)
}

func TestTheDefaultKeyIsKnownOnlyIfNoneIsNamed(t *testing.T) {
	for code, keys := range map[string][]Key{
		"":                     nil,
		codeInvalidAccessKeyID: {},
	} {
		assert.Equal(t, code, buy(New(withClock(Config{Keys: keys})), postpaidBody).Code)
	}
}
