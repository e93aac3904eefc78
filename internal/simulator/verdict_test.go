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
