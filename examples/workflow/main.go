// Workflow buys compute units in a step of a durable workflow: see README.md.
package main

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"time"

	"github.com/dbos-inc/dbos-transact-golang/dbos"
	_ "github.com/dbos-inc/dbos-transact-golang/dbos/driver/sqlite"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/once"
)

func main() {
	log.SetFlags(0)
	id := flag.String("id", "", "the workflow's `id`, which is the purchase's key")
	service := flag.String("service", "", "the `service` to buy for")
	flag.Parse()
	result, err := run(context.Background(), *id, computeunit.PurchaseComputeUnitRequest{
		ServiceID: *service, Billing: computeunit.Prepaid(1), ReplicasCount: 1,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: instance %q, %s\n", result.Outcome, result.Purchase.InstanceID, result.Error)
}

// run starts the workflow, or waits for the one that has the id already.
func run(ctx context.Context, id string, request computeunit.PurchaseComputeUnitRequest) (result, error) {
	buyer, err := newBuyer(ctx)
	if err != nil {
		return result{}, err
	}
	if _, err := buyer.Settle(ctx); err != nil { // what a killed process left open
		slog.Error("settle", "error", err)
	}
	engine, err := dbos.NewContext(ctx, dbos.Config{AppName: "shop", DatabaseURL: "sqlite:workflows.db", Logger: slog.Default()})
	if err != nil {
		return result{}, err
	}
	shop := shop{buyer}
	dbos.RegisterWorkflow(engine, shop.buy)
	if err := dbos.Launch(engine); err != nil { // goes on with the workflows that a killed process left
		return result{}, err
	}
	defer dbos.Shutdown(engine, time.Minute)
	handle, err := dbos.RunWorkflow(engine, shop.buy, request, dbos.WithWorkflowID(id))
	if err != nil {
		return result{}, err
	}
	return handle.GetResult()
}

// newBuyer has its journal in a file of its own: the engine may lose its last writes in a power failure, the journal must not.
func newBuyer(ctx context.Context) (*once.Buyer, error) {
	db, err := sql.Open("sqlite", "file:purchases.db?_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=busy_timeout(10000)")
	if err != nil {
		return nil, err
	}
	journal, err := once.SQL(db, once.SQLite)
	if err != nil {
		return nil, err
	}
	if err := journal.Migrate(ctx); err != nil {
		return nil, err
	}
	client, err := computeunit.NewClientFromEnv()
	if err != nil {
		return nil, err
	}
	return once.New(client, journal, once.WithLogger(slog.Default()))
}
