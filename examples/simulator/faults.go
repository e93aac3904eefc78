package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/qianfan-go/computeunit/computeunittest"
)

const faultsHelp = `
FAULTS is a list with commas: the first is for the first request for a service id, the second for the second, and
the last for all that follow. Each is one of

  none              the request passes
  lose-request      the connection breaks before an order is made: unknown, and there is no order
  lose-answer       the connection breaks after the order is made: unknown, and there is one
  denied            403 AccessDenied
  expired           400 RequestExpired
  throttled         429 with a Retry-After of one second
  out-of-stock      400, with a code that is invented
  out-of-balance    400, with a code that is invented
  a status          200 to 599 with an error body: 503

and can end in +TIME, which makes the answer so late, and a status in +order, which makes the order first: none+2s, 503+order.
A status that proves that nothing was bought, such as 403, cannot come after the order.

A service id can bring its own: svco-1~lose-answer,none loses the answer to its first purchase only, and
svco-1~none~503 fails its listings. What stands in the id counts instead of the flags.
`

// faults are what the requests for one service id meet, in turn.
type faults []computeunittest.Fault

// at is for the attempt, which counts from 1. The last goes on.
func (f faults) at(attempt int) computeunittest.Fault {
	return f[min(attempt, len(f))-1]
}

// parseFaults reads FAULTS. The delay is for those that have none of their own.
func parseFaults(text string, delay time.Duration) (faults, error) {
	var parsed faults
	for _, one := range strings.Split(text, ",") {
		fault, err := parseFault(one, delay)
		if err != nil {
			return nil, err
		}
		parsed = append(parsed, fault)
	}
	return parsed, nil
}

func parseFault(text string, delay time.Duration) (computeunittest.Fault, error) {
	parts := strings.Split(text, "+")
	name := parts[0]
	fault, err := faultNamed(name)
	if err != nil {
		return fault, err
	}
	for _, ending := range parts[1:] {
		if ending == "order" && isStatus(name) {
			fault = fault.AfterOrder()
			continue
		}
		if delay, err = time.ParseDuration(ending); err != nil || delay < 0 {
			return fault, fmt.Errorf("%q cannot end in +%s", name, ending)
		}
	}
	if err := fault.Valid(); err != nil {
		return fault, fmt.Errorf("%q: %w", text, err)
	}
	return fault.Delayed(delay), nil
}

func faultNamed(name string) (computeunittest.Fault, error) {
	switch name {
	case "", "none":
		return computeunittest.Fault{}, nil
	case "lose-request":
		return computeunittest.LoseRequest(), nil
	case "lose-answer":
		return computeunittest.LoseAnswer(), nil
	case "denied":
		return computeunittest.Denied(), nil
	case "expired":
		return computeunittest.Expired(), nil
	case "throttled":
		return computeunittest.Throttled(time.Second), nil
	case "out-of-stock":
		return computeunittest.OutOfStock(), nil
	case "out-of-balance":
		return computeunittest.OutOfBalance(), nil
	}
	if !isStatus(name) {
		return computeunittest.Fault{}, fmt.Errorf("there is no fault %q", name)
	}
	status, _ := strconv.Atoi(name)
	return computeunittest.Answer(status, errorBody(status)), nil
}

func isStatus(name string) bool {
	status, err := strconv.Atoi(name)
	return err == nil && status >= 200 && status <= 599
}

func errorBody(status int) string {
	code := "SimulatorFault"
	if status >= 500 {
		code = "InternalError"
	}
	return fmt.Sprintf(`{"requestId":"{requestId}","code":%q,"message":"simulator: a fault that was asked for"}`, code)
}

// faultsOf are the faults of purchases and of listings that a service id brings, after a ~ each.
func faultsOf(serviceID string, delay time.Duration) (purchases, listings faults, err error) {
	_, after, _ := strings.Cut(serviceID, "~")
	first, second, hasSecond := strings.Cut(after, "~")
	var errPurchases, errListings error
	if strings.Contains(serviceID, "~") {
		purchases, errPurchases = parseFaults(first, delay)
	}
	if hasSecond {
		listings, errListings = parseFaults(second, delay)
	}
	return purchases, listings, errors.Join(errPurchases, errListings)
}

// meet is what a request meets: what its service id brings, or else the flag's.
func meet(own, flagged faults, err error, attempt int) computeunittest.Fault {
	switch {
	case err != nil:
		return computeunittest.Answer(400, fmt.Sprintf(
			`{"requestId":"{requestId}","code":"SimulatorInvalidFault","message":%q}`, "simulator: the service id: "+err.Error()))
	case own != nil:
		return own.at(attempt)
	default:
		return flagged.at(attempt)
	}
}
