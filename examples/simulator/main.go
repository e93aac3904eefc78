// Simulator serves a stand-in for the service on loopback, for clients in any language.
//
//	go run ./examples/simulator                         on a free port
//	go run ./examples/simulator -addr 127.0.0.1:8080    on a port of your choice
//
// It prints the environment variables that point a client at it, and its ledger when it is interrupted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/qianfan-go/computeunit/examples/internal/stage"
	"github.com/qianfan-go/computeunit/internal/simulator"
)

func main() {
	log.SetFlags(0)
	addr := flag.String("addr", "127.0.0.1:0", "the loopback address to listen on; port 0 takes a free one")
	stage.Parse()
	if !loopback(*addr) {
		stage.Usage(fmt.Sprintf("-addr %q is not a loopback address with a port", *addr))
	}
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	sim := simulator.New(simulator.Config{})
	printEnvironment("http://" + listener.Addr().String())
	if err := serve(ctx, listener, sim); err != nil {
		log.Fatal(err)
	}
	for _, order := range sim.Orders() {
		fmt.Printf("# order %s: %d x %s for %s, instance %s\n",
			order.OrderID, order.ReplicasCount, order.PaymentTiming, order.ServiceID, order.InstanceID)
	}
	fmt.Printf("# %d orders in %d requests\n", len(sim.Orders()), sim.Requests())
}

// printEnvironment names the endpoint as Baidu's SDKs do: one way for Go, another for Python, Java and Node.js.
func printEnvironment(url string) {
	fmt.Printf("export QIANFAN_ACCESS_KEY=%s\n", simulator.DefaultAccessKeyID)
	fmt.Printf("export QIANFAN_SECRET_KEY=%s\n", simulator.DefaultSecretAccessKey)
	fmt.Printf("export QIANFAN_CONSOLE_BASE_URL=%s\n", url)
	fmt.Printf("export QIANFAN_CONSOLE_API_BASE_URL=%s\n", url)
	fmt.Println("# a simulator: nothing is bought. Ctrl-C ends it and prints its ledger.")
}

func serve(ctx context.Context, listener net.Listener, sim *simulator.Simulator) error {
	server := &http.Server{Handler: sim}
	context.AfterFunc(ctx, func() { server.Close() })
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
