package simulator

import (
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Status by status, held against the row of the outcome table in certainStatuses.
func TestAStatusThatProvesThatNothingWasBoughtCannotComeAfterTheOrder(t *testing.T) {
	for status := 200; status <= 599; status++ {
		fault := Fault{Kind: EmptyAnswer, Status: status, When: AfterOrder}
		assert.Equal(t, certainStatuses.MatchString(strconv.Itoa(status)), fault.Valid() != nil, status)
	}
}

func TestACodeInA200ProvesThatNothingWasBoughtIfItIsADocumentedRefusal(t *testing.T) {
	for code := range statusOf {
		fault := Fault{Kind: ErrorAnswer, Status: http.StatusOK, Code: code, When: AfterOrder}
		assert.Equal(t, documented(code), fault.Valid() != nil, code)
	}
}

func TestACodeOfAFailureInsideProvesNothing(t *testing.T) {
	for code, proves := range map[string]bool{"InternalError": false, "336000": false, "336100": false, "500000": false, "336003": true} {
		fault := Fault{Kind: ErrorAnswer, Status: http.StatusBadRequest, Code: code, When: AfterOrder}
		assert.Equal(t, proves, fault.Valid() != nil, code)
	}
}

// An answer denies the order or not by what the client reads in it, not by a name that merely stands there.
func TestARawAnswerProvesThatNothingWasBoughtByWhatIsInItsBody(t *testing.T) {
	for _, row := range []struct {
		status int
		body   string
		proves bool
	}{
		{200, `{"code":"AccessDenied"}`, true},
		{202, `{"requestId":"{requestId}","error":{"code":"AccessDenied","message":"no"},"error_code":0}`, true},
		{200, `{"code":"AccessDenied","Code":"AccessDenied","error":"no"}`, true},
		{200, `{"code":"AccessDenied","result":{"orderId":""}}`, true},
		{200, "\ufeff" + `{"code":"AccessDenied"}`, true},
		{400, `{"code":"InvalidOrderId"}`, true},
		{400, `{"code":"InternalErrors"}`, true},
		{400, `{"code":"RequestExpired","message":"order id orderId"}`, true},
		{400, `{"code":"X","message":"{instanceId}"}`, true}, // an id as mere text
		{400, `{not json}`, true},
		{400, `<html>no</html>`, true},
		{400, ``, true},

		{200, ``, false},
		{200, `{"code":"accessdenied"}`, false},
		{200, `{"code":"OutOfStock"}`, false},
		{200, `{"code":"AccessDenied","error_code":17}`, false},
		{200, `{"code":"AccessDenied","result":{"orderId":"{orderId}"}}`, false},
		{200, `{"code":"AccessDenied","error_msg":"InternalError: x"}`, false},
		{200, `{"code":"AccessDenied","success":true}`, false},
		{200, `{"code":"AccessDenied"`, false},
		{400, `{"code":"X"`, false},
		{400, `{"code":"336000: x"}`, false},
		{400, `{"code":"X","result":"{instanceId}"}`, false},
		{400, `{"code":"X","order_id":"{orderId}"}`, false},
		{400, `instanceId={instanceId}`, false},
		{500, `{"code":"AccessDenied"}`, false},
	} {
		fault := Fault{Kind: RawAnswer, Status: row.status, Body: row.body, When: AfterOrder}
		assert.Equal(t, row.proves, fault.Valid() != nil, "%d %s", row.status, row.body)
	}
}
