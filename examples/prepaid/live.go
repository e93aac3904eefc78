package main

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
	"github.com/qianfan-go/computeunit/computeunittest"
)

// options are the flags of a program that can spend money.
type options struct {
	live    bool
	yes     bool
	service string
}

// parseFlags ends the program with the usage and exit code 2 if a flag is wrong.
func parseFlags() options {
	var o options
	flag.BoolVar(&o.live, "live", false, "buy from the real service, with the keys in the environment: spends money")
	flag.BoolVar(&o.yes, "yes", false, "with -live: do not ask before buying")
	flag.StringVar(&o.service, "service", "", "the service to buy for; required with -live")
	flag.Parse()
	switch {
	case flag.NArg() > 0:
		usage(fmt.Sprintf("no arguments are taken, but there is %q", flag.Arg(0)))
	case o.live && o.service == "":
		usage("-live needs -service")
	case o.yes && !o.live:
		usage("-yes goes with -live")
	}
	o.service = cmp.Or(o.service, "svco-48esssdpa594")
	return o
}

func usage(why string) {
	fmt.Fprintln(os.Stderr, why)
	flag.Usage()
	os.Exit(2)
}

// client sends to the real service with -live, else to a stand-in in this process. Call stop at the end.
func (o options) client() (client *computeunit.Client, stop func(), err error) {
	if o.live {
		client, err = computeunit.NewClientFromEnv()
		return client, func() {}, err
	}
	server := computeunittest.NewServer()
	return server.Client(), server.Close, nil
}

// confirm shows what is about to be bought and, with -live, wants the service id typed back.
func (o options) confirm(request computeunit.PurchaseComputeUnitRequest) error {
	text, err := json.MarshalIndent(request, "", "  ")
	if err != nil {
		return err
	}
	if !o.live {
		fmt.Printf("buying from a stand-in:\n%s\n", text)
		return nil
	}
	endpoint := cmp.Or(os.Getenv("QIANFAN_CONSOLE_BASE_URL"), "the real service")
	fmt.Printf("about to buy from %s, for real money:\n%s\n", endpoint, text)
	if o.yes {
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
