// Simulator serves a stand-in for the service on loopback, for clients in any language.
//
//	go run ./examples/simulator                         on a free port
//	go run ./examples/simulator -addr 127.0.0.1:8080    on a port of your choice
//	go run ./examples/simulator -lose answers           makes every order and loses the answer: unknown, then found
//	go run ./examples/simulator -lose requests          loses every purchase: unknown, and nothing to be found
//	go run ./examples/simulator -stock 0                refuses every purchase
//
// It knows any service id. It prints the environment variables that point a client at it, and its ledger when it is interrupted.
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
	lose := flag.String("lose", "", "lose the \"answers\" to purchases, after the order is made, or the \"requests\", before it is")
	stock := flag.Int("stock", simulator.DefaultStock, "how many replicas there are to buy")
	stage.Parse()
	if !loopback(*addr) {
		stage.Usage(fmt.Sprintf("-addr %q is not a loopback address with a port", *addr))
	}
	fault, known := faults[*lose]
	if !known {
		stage.Usage(fmt.Sprintf("-lose %q is neither answers nor requests", *lose))
	}
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if *stock <= 0 {
		*stock = -1 // 0 would be the simulator's default
	}
	sim := simulator.New(simulator.Config{Stock: *stock, Fault: func(simulator.Purchase) simulator.Fault { return fault }})
	printEnvironment("http://" + listener.Addr().String())
	if err := serve(ctx, listener, sim); err != nil {
		log.Fatal(err)
	}
	for _, order := range sim.Orders() {
		fmt.Printf("# order %s: %s, instance %s\n", order.OrderID, wanted(order), order.InstanceID)
	}
	fmt.Printf("# %d orders in %d requests\n", len(sim.Orders()), sim.Requests())
}

// faults are what -lose can be.
var faults = map[string]simulator.Fault{
	"":         {},
	"answers":  {Kind: simulator.Reset, When: simulator.AfterOrder},
	"requests": {Kind: simulator.Reset, When: simulator.BeforeOrder},
}

func wanted(order simulator.Order) string {
	text := fmt.Sprintf("%d x %s for %s", order.ReplicasCount, order.PaymentTiming, order.ServiceID)
	if order.Months > 0 {
		text += fmt.Sprintf(", %d months", order.Months)
	}
	return text
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
	ip := net.ParseIP(host) // no names: they mean what the machine's hosts file says
	return ip != nil && ip.IsLoopback()
}
