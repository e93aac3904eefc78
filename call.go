package computeunit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/qianfan-go/computeunit/internal/transport"
)

// Call calls any other action of Qianfan's API: a signed POST of request as JSON to path with ?Action=action. The
// whole answer ("requestId", "result") is decoded into response, a pointer, or dropped where it is nil. A nil
// request sends {}.
//
// It makes one attempt: the package does not know what the action does. An error is a [*PurchaseError] and tells
// the same two apart as for a purchase: read [ErrNotPurchased] as "certain: nothing was done", and
// [ErrOutcomeUnknown] as "it may have been done". For an action that only reads the difference does not matter.
// A success is a 2xx answer with a JSON object in it and no error code; one that does not fit response is unknown.
//
// For buying and listing compute units use the typed methods: they check what they send and what they get.
func (c *Client) Call(ctx context.Context, path, action string, request, response any) error {
	call := &operation{url: actionURL(c.endpoint, path, action), action: action}
	call.judge = func(a *transport.Attempt) verdict {
		var answer envelope
		answer.read(a, &answer)
		v := judge(a, &answer, answer.lackOfCall(a.Body))
		v.again = transport.Never
		if v.outcome == nil && response != nil {
			if err := json.Unmarshal(a.Body, response); err != nil {
				v.outcome, v.cause = ErrOutcomeUnknown, fmt.Errorf("the answer does not fit the response: %w", err)
			}
		}
		return v
	}
	if err := checkCall(path, action, response); err != nil {
		return c.failure(ctx, call, verdict{outcome: ErrNotPurchased, cause: err})
	}
	if request == nil {
		request = struct{}{}
	}
	if v := c.send(ctx, call, request); v.outcome != nil {
		return c.failure(ctx, call, v)
	}
	return nil
}

var (
	errSaysError = errors.New("the answer is an error")
	errNoObject  = errors.New("the answer is not a JSON object")
)

// lackOfCall is what a success of an unknown action must not be. All JSON but an object and null was unreadable already.
func (e *envelope) lackOfCall(body []byte) error {
	switch {
	case e.isError():
		return errSaysError
	case string(bytes.TrimSpace(body)) == "null":
		return errNoObject
	}
	return nil
}

func checkCall(path, action string, response any) error {
	if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "?#%") || !printable(path) {
		return errors.New("the path must start with a slash and be plain, like /v2/service: no query, no escapes")
	}
	if action == "" || !printable(action) {
		return errors.New("the action must be a name, like DescribeService")
	}
	if to := reflect.ValueOf(response); response != nil && (to.Kind() != reflect.Pointer || to.IsNil()) {
		return errors.New("the response must be nil or a pointer to decode into")
	}
	return nil
}
