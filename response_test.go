package computeunit_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
)

func TestTheRequestIDIsTheServicesWhereItGaveOne(t *testing.T) {
	for _, test := range []struct {
		name, body string
		headers    []string
		want       string
	}{
		{"in the body", `{"requestId":"body","code":"x"}`, nil, "body"},
		{"in the header", `{"code":"x"}`, []string{"X-Bce-Request-Id", "header"}, "header"},
		{"in both", `{"requestId":"body","code":"x"}`, []string{"X-Bce-Request-Id", "header"}, "body"},
		{"blank in the body", `{"requestId":" ","code":"x"}`, []string{"X-Bce-Request-Id", "header"}, "header"},
		{"a number in the body", `{"requestId":7,"code":"x"}`, []string{"X-Bce-Request-Id", "header"}, "7"},
		{"neither text nor number in the body", `{"requestId":[7],"code":"x"}`, []string{"X-Bce-Request-Id", "header"}, "header"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var failed *computeunit.OutcomeError
			require.ErrorAs(t, buyAnswered(t, 400, test.body, test.headers...), &failed)
			assert.Equal(t, test.want, failed.RequestID)
			var refusal *computeunit.APIError
			require.ErrorAs(t, failed, &refusal)
			assert.Equal(t, test.want, refusal.RequestID)
		})
	}
}

// An answer is read up to 1 MiB. An error about it goes into logs: it stays short, whichever part was long.
func TestAnErrorStaysShortHoweverLongTheAnswerIs(t *testing.T) {
	long := strings.Repeat("9", 100_000)
	for name, err := range map[string]error{
		"message":                    buyAnswered(t, 400, `{"code":"x","message":"`+long+`"}`),
		"code":                       buyAnswered(t, 400, `{"code":"`+long+`"}`),
		"body":                       buyAnswered(t, 500, long),
		"body of a success":          buyAnswered(t, 200, `"`+long+`"`),
		"location":                   buyAnswered(t, 302, "", "Location", long),
		"error_code beyond int64":    buyAnswered(t, 200, `{"error_code":`+long+`}`),
		"error_code that is no int":  buyAnswered(t, 200, `{"error_code":1.`+long+`}`),
		"request id":                 buyAnswered(t, 500, `{"requestId":"`+long+`"}`),
		"request id of a short code": buyAnswered(t, 400, `{"requestId":"`+long+`","code":"x"}`),
	} {
		t.Run(name, func(t *testing.T) {
			assert.Less(t, len(err.Error()), 2000)
		})
	}
}

func TestTheFieldsOfAnAPIErrorHaveLongTextsWhole(t *testing.T) {
	long := strings.Repeat("长", 10_000)
	var refusal *computeunit.APIError
	require.ErrorAs(t, buyAnswered(t, 400, `{"code":"`+long+`","message":"`+long+`"}`), &refusal)
	assert.Equal(t, long, refusal.Code)
	assert.Equal(t, long, refusal.Message)
}
