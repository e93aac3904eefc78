package integration

import (
	"testing"

	"github.com/qianfan-go/computeunit/once/internal/store"
	"github.com/qianfan-go/computeunit/once/internal/storetest"
)

func TestEachDatabaseIsAStore(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		db := d.open(t)
		storetest.Test(t, func(t *testing.T) store.Store { return newStore(t, db, d.dialect) })
	})
}
