package store_test

import (
	"testing"

	"github.com/qianfan-go/computeunit/once/internal/store"
	"github.com/qianfan-go/computeunit/once/internal/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Test(t, func(*testing.T) store.Store { return new(store.Memory) })
}
