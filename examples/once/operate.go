package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/qianfan-go/computeunit/once"
)

const usage = `Without a command, it serves POST /buy and GET /buy?key=KEY. Commands for the operator:
  open                                        look for what is open, and list what stays so
  show KEY                                    what the journal has of a key
  settle                                      look for what is open, and list what has become of it
  bought [-unlisted] KEY INSTANCE [ORDER]     say that you found the order; INSTANCE may be ""
  not-purchased KEY                           say that there is no order: whoever asks for the key next sends again
Flags, before the command:
`

// operate is one command. None of them sends a purchase.
func operate(ctx context.Context, buyer *once.Buyer, out io.Writer, arguments []string) error {
	command := flag.NewFlagSet(arguments[0], flag.ContinueOnError)
	command.SetOutput(out)
	unlisted := command.Bool("unlisted", false, "bought: the instance is right although it is not listed now")
	if err := command.Parse(arguments[1:]); err != nil {
		return err
	}
	key, rest := command.Arg(0), command.NArg()
	switch name := arguments[0]; {
	case (name == "open" || name == "settle") && rest == 0:
		return settle(ctx, buyer, out, name == "open")
	case name == "show" && rest == 1:
		purchase, found, err := buyer.Lookup(ctx, key)
		if err == nil && !found {
			err = fmt.Errorf("the journal has no key %q", key)
		}
		return errors.Join(err, print(out, purchase))
	case name == "bought" && (rest == 2 || rest == 3):
		purchase, err := buyer.ResolveBought(ctx, key, once.Found{
			InstanceID: command.Arg(1), OrderID: command.Arg(2), Unlisted: *unlisted})
		return errors.Join(err, print(out, purchase))
	case name == "not-purchased" && rest == 1:
		purchase, err := buyer.ResolveNotPurchased(ctx, key)
		return errors.Join(err, print(out, purchase))
	}
	return fmt.Errorf("there is no command %q:\n%s", arguments, usage)
}

// settle looks for what is open, and prints what has become of it, or only what stays open.
func settle(ctx context.Context, buyer *once.Buyer, out io.Writer, onlyOpen bool) error {
	purchases, err := buyer.Settle(ctx)
	if onlyOpen {
		purchases = slices.DeleteFunc(purchases, func(p once.Purchase) bool { return !p.Open() })
	}
	if err == nil && len(purchases) == 0 {
		fmt.Fprintln(os.Stderr, "nothing is open")
	}
	for _, p := range purchases {
		err = errors.Join(err, print(out, p))
	}
	return err
}

// print writes a purchase, if there is one.
func print(out io.Writer, purchase once.Purchase) error {
	if purchase.State == "" {
		return nil
	}
	text, err := json.MarshalIndent(purchase, "", "  ")
	fmt.Fprintln(out, string(text))
	return err
}
