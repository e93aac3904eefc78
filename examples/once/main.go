// Once is a service that buys compute units once for each key, whatever crashes, and what its operator needs: see README.md.
package main

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
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
	flag.Usage = func() { fmt.Fprint(flag.CommandLine.Output(), usage); flag.PrintDefaults() }
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	buyer, err := newBuyer(ctx, *database)
	switch {
	case err != nil:
	case flag.NArg() > 0:
		err = operate(ctx, buyer, os.Stdout, flag.Args())
	default:
		err = serve(ctx, buyer, *addr)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// newBuyer notices at the start whatever would make every purchase fail.
func newBuyer(ctx context.Context, database string) (*once.Buyer, error) {
	driver, dialect, source := "sqlite", once.SQLite, "file:"+database+"?_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=busy_timeout(10000)"
	if strings.HasPrefix(database, "postgres") {
		driver, dialect, source = "pgx", once.PostgreSQL, database
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		return nil, err
	}
	journal, err := once.SQL(db, dialect)
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
	buyer, err := once.New(client, journal, once.WithLogger(slog.Default())) // the one logger: the client has none
	if err != nil {
		return nil, err
	}
	return buyer, buyer.Check(ctx)
}

// serve answers until it is told to end, and then waits for the purchases that have begun.
func serve(ctx context.Context, buyer *once.Buyer, addr string) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	go func() {
		for ; ctx.Err() == nil; time.Sleep(time.Minute) { // at the start, and from time to time
			if _, err := buyer.Settle(ctx); err != nil {
				slog.Warn("settle", "error", err)
			}
		}
	}()
	server := &http.Server{Handler: handler(buyer), ReadTimeout: 10 * time.Second, WriteTimeout: 2 * time.Minute}
	go server.Serve(listener) // until Shutdown
	<-ctx.Done()
	if err := server.Shutdown(context.Background()); err != nil {
		return err
	}
	return buyer.Shutdown(context.Background())
}
