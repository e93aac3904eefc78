package simulator

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestOrdersIsCopy(t *testing.T) {
	s := New(withClock(Config{}))
	buy(s, exampleBody)
	s.Orders()[0].OrderID = "changed"
	assert.NotEqual(t, "changed", s.Orders()[0].OrderID)
}

func TestTheLedgerIsReadInParts(t *testing.T) {
	s := New(withClock(Config{}))
	for range 2 {
		buy(s, postpaidBody)
		buy(s, exampleBody)
	}
	all := s.Orders()
	assert.Equal(t, all[3:], s.OrdersFrom(3))
	assert.Empty(t, s.OrdersFrom(4))
	assert.Empty(t, s.OrdersFrom(5))
	assert.Equal(t, all, s.OrdersFrom(-1))
	assert.Equal(t, []Order{all[0], all[2]}, s.OrdersOf("svco-1"))
	assert.Empty(t, s.OrdersOf("other"))
}

func TestSameRequestTwiceBuysTwice(t *testing.T) {
	s := New(withClock(Config{}))
	first, second := buy(s, exampleBody), buy(s, exampleBody)
	assert.NotEqual(t, first.Result, second.Result)
	assert.Len(t, s.Orders(), 2)
}

func TestOutOfStockAndBalance(t *testing.T) {
	tests := map[string]struct {
		config Config
		code   string
	}{
		"stock enough":       {Config{Stock: 5}, ""},
		"too little stock":   {Config{Stock: 4}, CodeOutOfStock},
		"no stock":           {Config{Stock: -1}, CodeOutOfStock},
		"balance enough":     {Config{Balance: 25 * PricePerReplicaMonth}, ""},
		"too little balance": {Config{Balance: 25*PricePerReplicaMonth - 1}, CodeOutOfBalance},
		"no balance":         {Config{Balance: -1}, CodeOutOfBalance},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := New(withClock(test.config))
			stock, balance := s.Stock(), s.Balance()
			got := buy(s, exampleBody)
			assert.Equal(t, test.code, got.Code)
			if test.code == "" {
				assert.Equal(t, stock-5, s.Stock())
				assert.Equal(t, balance-25*PricePerReplicaMonth, s.Balance())
				return
			}
			assert.Equal(t, http.StatusBadRequest, got.Status)
			assert.Empty(t, s.Orders())
			assert.Equal(t, stock, s.Stock())
			assert.Equal(t, balance, s.Balance())
		})
	}
}
