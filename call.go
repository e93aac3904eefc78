package computeunit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// Call calls any other action of Qianfan's API: a signed POST of request as JSON to path with ?Action=action. The whole
// response ("requestId", "result") is decoded into response, a pointer, or dropped if it is nil. A nil request sends {}.
//
// It makes one attempt: the package does not know what the action does. An error is an [*OutcomeError] and keeps the same two
// apart as for a purchase: [ErrNotPurchased] means that it is certain that nothing was done, and [ErrOutcomeUnknown] that it
// may have been done. For an action that only reads the difference does not matter. A success is a 2xx response with a JSON
// object in it and no error; one that does not fit response is unknown.
//
// For buying, listing and releasing compute units use the typed methods: they check what they send and what they get.
//
// Source: https://cloud.baidu.com/doc/qianfan-api/s/imo6weeaf (DescribeComputeUnit, as an example)
func (c *Client) Call(ctx context.Context, path, action string, request, response any) error {
	op := &operation{path: path, action: action, isCall: true, read: wholeInto(response)}
	if request == nil {
		request = struct{}{}
	}
	_, err := c.send(ctx, op, request, checkCall(path, action, response))
	return err
}

// wholeInto decodes the whole response. A type of the caller's can repeat it in an error.
func wholeInto(whole any) func(*response) error {
	return func(r *response) error {
		err := r.success(new(json.RawMessage))
		if err == nil && whole != nil {
			if err = json.Unmarshal(r.body, whole); err != nil {
				err = fmt.Errorf("the response does not fit: %.500s", r.attempt.Redact(err.Error()))
			}
		}
		return err
	}
}

func checkCall(path, action string, response any) error {
	if !strings.HasPrefix(path, "/") || action == "" || strings.ContainsAny(path, "?#%") || !printable(path+action) {
		return errors.New("path and action must be like /v2/service and DescribeService, without query, escapes and blanks")
	}
	if to := reflect.ValueOf(response); response != nil && (to.Kind() != reflect.Pointer || to.IsNil()) {
		return errors.New("the response must be nil or a pointer to decode into")
	}
	return nil
}
