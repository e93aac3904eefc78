// Once is a service that buys compute units once for each key, whatever crashes: see README.md.
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"log"
	"log/slog"
	"net/http"
	"os/signal"
	"strings"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/once"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "the `address` to listen on")
	database := flag.String("database", "purchases.db", "a SQLite `file`, or the postgres:// URL that replicas share")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	driver, dialect, source := "sqlite", once.SQLite, "file:"+*database+"?_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=busy_timeout(10000)"
	if strings.HasPrefix(*database, "postgres") {
		driver, dialect, source = "pgx", once.PostgreSQL, *database
	}
	journal := must(once.SQL(must(sql.Open(driver, source)), dialect))
	must(journal, journal.Migrate(ctx))
	buyer := must(once.New(must(computeunit.NewClientFromEnv()), journal, once.WithLogger(slog.Default())))
	go func() {
		for ; ctx.Err() == nil; time.Sleep(time.Minute) { // at the start, and from time to time
			open, err := buyer.Settle(ctx)
			slog.Info("settled", "open", len(open), "error", err)
		}
	}()
	http.HandleFunc("POST /buy", func(w http.ResponseWriter, r *http.Request) { buy(buyer, w, r) })
	server := &http.Server{Addr: *addr, ReadTimeout: 10 * time.Second, WriteTimeout: 2 * time.Minute}
	go func() { log.Print(server.ListenAndServe()); stop() }() // ends by Shutdown, or if the address is taken
	<-ctx.Done()
	must(server, server.Shutdown(context.Background())) // waits for the purchases that have begun
}

func buy(buyer *once.Buyer, w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Key, Service     string
		Months, Replicas int
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&asked); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second) // ends waiting, never an attempt that has begun
	defer cancel()
	bought, err := buyer.Buy(ctx, asked.Key, computeunit.PurchaseComputeUnitRequest{
		ServiceID: asked.Service, Billing: computeunit.Prepaid(asked.Months), ReplicasCount: asked.Replicas})
	switch {
	case err == nil:
		_ = json.NewEncoder(w).Encode(bought)
	case errors.Is(err, computeunit.ErrOutcomeUnknown) && !errors.Is(err, once.ErrKeyReused):
		http.Error(w, "unknown, ask again with the same key: "+err.Error(), http.StatusAccepted)
	case errors.As(err, new(*once.BlockedError)) || ctx.Err() != nil: // another key's purchase is in the way
		http.Error(w, "ask again later with the same key: "+err.Error(), http.StatusConflict)
	default: // refused or invalid
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
