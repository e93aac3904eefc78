package simulator_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/qianfan-go/computeunit/internal/simulator"
)

// The row of the outcome table, for an answer without a body.
var certainStatuses = regexp.MustCompile(`^(40[0-57]|41[0-57]|42[12689]|431|451|30[78])$`)

func TestAStatusThatProvesThatNothingWasBoughtCannotComeAfterTheOrder(t *testing.T) {
	for status := 200; status <= 599; status++ {
		fault := simulator.Fault{Status: status, When: simulator.AfterOrder}
		assert.Equal(t, certainStatuses.MatchString(strconv.Itoa(status)), fault.Valid() != nil, status)
	}
}

// Each line is of docs/outcomes.md: how a response is read.
var answersAndProofs = []struct {
	status int
	header string
	body   string
	proves bool
}{
	{200, "", `{"code":"AccessDenied"}`, true},
	{202, "", `{"error_code":"AccessDenied","code":0,"error":{}}`, true},
	{200, "", "\n\t" + `{"code":"IamSignatureInvalid","error":"no","success":false}`, true},
	{200, "X-Bce-Error-Code: AccessDenied", `{"code":null}`, true},
	{200, "", `{"code":"AccessDenied","result":{ },"instanceId":"","orderId":null}`, true},
	{200, "", `{"code":"AccessDenied","data":{"orderId":"{orderId}"},"requestId":"x","RequestId":7}`, true},
	{200, "", "\ufeff  " + `{"code":"AccessDenied"}`, true},
	{400, "", `{"code":"InvalidOrderId"}`, true},
	{400, "", `{"code":"errorInternal","message":"internal error","error":{"message":"internal error"}}`, true},
	{400, "", `{"CODE":7,"result":false}`, true},
	{403, "", `{"message":"{instanceId}"}`, true}, // an id as mere text
	{403, "", `<html>{"result":{"orderId":"{orderId}"}}</html>`, true},
	{403, "", ``, true},
	{403, "X-Bce-Error-Code: 0", ``, true},

	{200, "", ``, false},
	{200, "X-Bce-Error-Code: AccessDenied", ``, false},
	{200, "X-Bce-Error-Code: AccessDenied", `{"code":"Processing"}`, false},
	{200, "", `{"code":"accessdenied"}`, false},
	{200, "", `{"code":"AccessDenied "}`, false},
	{200, "", `{"code":17,"error_code":"AccessDenied"}`, false},
	{200, "", `{"code":"AccessDenied","result":{"orderId":""}}`, false},
	{200, "", `{"code":"AccessDenied","result":true}`, false},
	{200, "", `{"code":"AccessDenied","success":true}`, false},
	{200, "", `{"code":"AccessDenied","error_code":336000}`, false},
	{200, "", `{"code":"AccessDenied"`, false},
	{101, "", `{"code":"AccessDenied"}`, false},
	{400, "", `{"code":"X","Code":"X"}`, false},
	{400, "", `{"code":"X","reſult":null,"result":null}`, false}, // names in any case, as encoding/json folds it
	{400, "", `{"code":1.0}`, false},
	{400, "", `{"code":["X"]}`, false},
	{400, "", `{"error":7}`, false},
	{400, "", `{"success":"false"}`, false},
	{400, "", `{"code":"X"}{}`, false},
	{400, "", `[]`, false},
	{400, "", `null`, true}, // begins as a text does
	{400, "", "\x1f\x8b", false},
	{400, "", "\xff\xfe{\x00}\x00", false},
	{400, "", `{"code":"my_INTERNAL_server_error"}`, false},
	{400, "", `{"error":"internal error"}`, false},
	{400, "", `{"error":{"code":"internal_error"}}`, false},
	{400, "", `{"error":{"code":500000}}`, false},
	{400, "", `{"error_code":"336100"}`, false},
	{400, "X-Bce-Error-Code: InternalError", ``, false},
	{400, "Content-Encoding: br", ``, false},
	{400, "", `{"orderId":"{orderId}"}`, false},
	{400, "", `{"instanceId":0}`, false},
	{400, "", `{"padding":"` + strings.Repeat("x", 1<<20) + `"}`, false},
	{500, "", `{"code":"AccessDenied"}`, false},
}

func TestAnAnswerProvesThatNothingWasBoughtByItsFields(t *testing.T) {
	for _, row := range answersAndProofs {
		fault := simulator.Fault{Status: row.status, Header: row.header, Body: row.body, When: simulator.AfterOrder}
		assert.Equal(t, row.proves, fault.Valid() != nil, "%d %s %.200s", row.status, row.header, row.body)
		fault.When = simulator.BeforeOrder
		assert.NoError(t, fault.Valid(), "before an order all may be said")
		fault.When, fault.Kind = simulator.AfterOrder, simulator.CutLength
		assert.NoError(t, fault.Valid(), "half of it proves nothing")
	}
}

// FuzzDenies holds the stand-in's own idea of what denies an order against the client's: they are written apart.
func FuzzDenies(f *testing.F) {
	for _, row := range answersAndProofs {
		f.Add(row.status, strings.TrimPrefix(row.header, "X-Bce-Error-Code: "), row.body)
	}
	f.Fuzz(func(t *testing.T, status int, code, body string) {
		header := fmt.Sprintf("X-Bce-Error-Code: %s", strings.Map(printable, code))
		fault := simulator.Fault{Status: status, Header: header, Body: body}
		if status < 200 || fault.Valid() != nil || status == http.StatusNoContent {
			return
		}
		s := serve(t, simulator.Config{Fault: func(simulator.Request) simulator.Fault { return fault }})
		err := s.buy(s.client(), "svco-1")
		fault.When = simulator.AfterOrder
		denies := fault.Valid() != nil
		assert.Equal(t, outcome(err) == simulator.MustRefuse, denies, "%v", err)
	})
}

func printable(r rune) rune {
	if r < ' ' || r > '~' {
		return -1
	}
	return r
}
