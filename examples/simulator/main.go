// Simulator serves a stand-in for the service on loopback, for clients in any language.
//
//	go run ./examples/simulator                            on 127.0.0.1:18099
//	go run ./examples/simulator -addr 127.0.0.1:8080       on a port of your choice; port 0 takes a free one
//	go run ./examples/simulator -fault lose-answer         makes every order and loses the answer: unknown, then found
//	go run ./examples/simulator -fault throttled,none      throttles the first purchase for each service id
//	go run ./examples/simulator -delay 2s                  makes answers to purchases and listings late
//	go run ./examples/simulator -stock 0                   refuses every purchase
//	go run ./examples/simulator -help                      all of it
//
// It knows any service id; svco-1~lose-answer brings its fault along. It prints the environment variables that point a
// client at it, each with what it is for, and its ledger when it is interrupted.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"syscall"

	"github.com/qianfan-go/computeunit/computeunittest"
)

// defaultAddr is the same at each start, so that what was exported for one start is right for the next.
const defaultAddr = "127.0.0.1:18099"

func main() {
	server, err := start(parseFlags())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	fmt.Print(environment(server))
	<-ctx.Done()
	server.Close()
	for _, order := range server.Orders() {
		fmt.Printf("# order %s: %s, instance %s\n", order.OrderID, wanted(order), order.InstanceID)
	}
	for _, release := range server.Releases() {
		fmt.Printf("# release: instance %s for %s\n", release.InstanceID, release.ServiceID)
	}
	fmt.Printf("# %s in %s\n", count(len(server.Orders()), "order"), count(server.Requests(), "request"))
}

// parseFlags ends the program with the usage and exit code 2 if a flag is wrong.
func parseFlags() (string, []computeunittest.Option) {
	addr := flag.String("addr", defaultAddr, "the loopback `address` to listen on; port 0 takes a free one")
	stock := flag.Int("stock", 1_000_000_000, "how many `replicas` there are to buy")
	fault := flag.String("fault", "none", "what purchases meet: `FAULTS`")
	listFault := flag.String("list-fault", "none", "what listings meet: `FAULTS`")
	delay := flag.Duration("delay", 0, "how late the answers to purchases that are made, and to listings, are, if FAULTS do not say")
	lag := flag.Duration("listed-after", 0, "how long after its order an instance is listed")
	starts := flag.Duration("runs-after", 0, "how long an instance is Creating before it is Running")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "Usage of simulator:")
		flag.PrintDefaults()
		fmt.Fprint(os.Stderr, faultsHelp)
	}
	flag.Parse()
	if flag.NArg() > 0 {
		usage(fmt.Errorf("no arguments are taken, but there is %q", flag.Arg(0)))
	}
	if listen, err := netip.ParseAddrPort(*addr); err != nil || !listen.Addr().IsLoopback() {
		usage(fmt.Errorf("-addr: %q is not a loopback IP address with a port", *addr))
	}
	purchases, err := parseFaults(*fault, *delay)
	usage(err)
	listings, err := parseFaults(*listFault, *delay)
	usage(err)
	return *addr, []computeunittest.Option{
		computeunittest.WithAddr(*addr),
		computeunittest.WithStock(*stock),
		computeunittest.WithListingLag(*lag),
		computeunittest.WithStartDelay(*starts),
		computeunittest.WithPurchaseFaults(func(p computeunittest.Purchase) computeunittest.Fault {
			own, _, err := faultsOf(p.ServiceID, *delay)
			return meet(own, purchases, err, p.Attempt)
		}),
		computeunittest.WithListingFaults(func(l computeunittest.Listing) computeunittest.Fault {
			_, own, err := faultsOf(l.ServiceID, *delay)
			return meet(own, listings, err, l.Attempt)
		}),
	}
}

// start makes an error of NewServer's panic, which is for tests.
func start(addr string, options []computeunittest.Option) (server *computeunittest.Server, err error) {
	defer func() {
		if problem := recover(); problem != nil {
			err = fmt.Errorf("%v\n%s is taken: a stand-in that was started before may still run there.\n"+
				"Choose another port with -addr 127.0.0.1:PORT, or any free one with -addr 127.0.0.1:0", problem, addr)
		}
	}()
	return computeunittest.NewServer(options...), nil
}

// usage ends the program if there is an error.
func usage(err error) {
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, err)
	flag.Usage()
	os.Exit(2)
}

// environment is lines for a shell, and what they are for.
func environment(server *computeunittest.Server) string {
	return fmt.Sprintf(`export QIANFAN_ACCESS_KEY=%s
export QIANFAN_SECRET_KEY=%s
export QIANFAN_CONSOLE_BASE_URL=%[3]s
export QIANFAN_CONSOLE_API_BASE_URL=%[3]s
# a stand-in: nothing is bought. Paste these lines into another terminal. Ctrl-C ends it and prints its ledger.
# QIANFAN_ACCESS_KEY and QIANFAN_SECRET_KEY are the keys that it knows: this library and all of Baidu's SDKs read them.
# QIANFAN_CONSOLE_BASE_URL is where this library (NewClientFromEnv) and Baidu's Go SDK send their requests.
# QIANFAN_CONSOLE_API_BASE_URL is the same for Baidu's Python, Java and Node.js SDKs. This library does not read it.
`, server.Credentials.AccessKeyID, server.Credentials.SecretAccessKey, server.URL)
}

func wanted(order computeunittest.Order) string {
	text := fmt.Sprintf("%d x %s for %s", order.ReplicasCount, order.PaymentTiming, order.ServiceID)
	if order.Months > 0 {
		text += ", " + count(order.Months, "month")
	}
	return text
}

// count is "1 order", "2 orders".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
