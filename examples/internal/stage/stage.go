// Package stage is what the examples need around their one call: the flags, a simulator or the real service to send
// to, and a question before money is spent.
package stage

import (
	"bufio"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/simulator"
)

// Flags of an example that can spend money.
type Flags struct {
	Live    bool
	Yes     bool
	Service string
}

// ParseFlags ends the program with the usage and exit code 2 where a flag is wrong.
func ParseFlags() Flags {
	var f Flags
	flag.BoolVar(&f.Live, "live", false, "buy from the real service, with the keys in the environment: spends money")
	flag.BoolVar(&f.Yes, "yes", false, "with -live: do not ask before buying")
	flag.StringVar(&f.Service, "service", "", "the service to buy for; required with -live")
	Parse()
	if f.Live && f.Service == "" {
		Usage("-live needs -service")
	}
	if f.Yes && !f.Live {
		Usage("-yes goes with -live")
	}
	if f.Service == "" {
		f.Service = "svco-48esssdpa594"
	}
	return f
}

// Parse is flag.Parse for programs that take no arguments.
func Parse() {
	flag.Parse()
	if flag.NArg() > 0 {
		Usage(fmt.Sprintf("no arguments are taken, but there is %q", flag.Arg(0)))
	}
}

// Usage ends the program.
func Usage(why string) {
	fmt.Fprintln(os.Stderr, why)
	flag.Usage()
	os.Exit(2)
}

// Client sends to the real service with -live, else to a simulator in this process. Call stop at the end.
func (f Flags) Client() (client *computeunit.Client, stop func(), err error) {
	if f.Live {
		client, err = computeunit.NewClientFromEnv()
		return client, func() {}, err
	}
	return Simulate(simulator.New(simulator.Config{}))
}

// Simulate serves a simulator on loopback and returns a client of it.
func Simulate(sim *simulator.Simulator) (client *computeunit.Client, stop func(), err error) {
	url, stopServer, err := simulator.Serve(sim)
	if err != nil {
		return nil, nil, err
	}
	client, err = computeunit.NewClient(
		computeunit.StaticCredentials(simulator.DefaultAccessKeyID, simulator.DefaultSecretAccessKey),
		computeunit.WithEndpoint(url))
	return client, func() { stopServer() }, err
}

// Confirm says what is about to be bought and, with -live, wants the service id typed back.
func (f Flags) Confirm(request computeunit.PurchaseComputeUnitRequest) error {
	text, err := json.MarshalIndent(request, "", "  ")
	if err != nil {
		return err
	}
	if !f.Live {
		fmt.Printf("buying from a simulator:\n%s\n", text)
		return nil
	}
	endpoint := cmp.Or(os.Getenv("QIANFAN_CONSOLE_BASE_URL"), "the real service")
	fmt.Printf("about to buy from %s, for real money:\n%s\n", endpoint, text)
	if f.Yes {
		return nil
	}
	fmt.Print("type the service id to go on: ")
	return readBack(os.Stdin, request.ServiceID)
}

func readBack(from io.Reader, want string) error {
	typed, err := bufio.NewReader(from).ReadString('\n')
	if err != nil && err != io.EOF {
		return err
	}
	if strings.TrimSpace(typed) != want {
		return fmt.Errorf("that is not %q: nothing was bought", want)
	}
	return nil
}
