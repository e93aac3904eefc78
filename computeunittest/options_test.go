package computeunittest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/qianfan-go/computeunit/computeunittest"
)

func TestAnOptionThatIsNilPanics(t *testing.T) {
	for name, option := range map[string]computeunittest.Option{
		"clock": computeunittest.WithClock(nil), "purchases": computeunittest.WithPurchaseFaults(nil),
	} {
		assert.Panics(t, func() { computeunittest.NewServer(option) }, name)
	}
}

func TestAddrIsLoopbackOnlyAndFree(t *testing.T) {
	taken := strings.TrimPrefix(newServer(t).URL, "http://")
	for _, addr := range []string{taken, "0.0.0.0:0", ":0", "192.0.2.1:0", "localhost:0", "127.0.0.1", "nonsense", ""} {
		func() {
			defer func() { assert.Contains(t, fmt.Sprint(recover()), "computeunittest: ", addr) }()
			computeunittest.NewServer(computeunittest.WithAddr(addr))
		}()
	}
	assert.Equal(t, "bought", buy(newServer(t, computeunittest.WithAddr("127.0.0.1:0")).Client()))
}
