package simulator_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/internal/simulator"
)

func TestWhatIsNoRequestOfTheAPIIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		method, target, body string
		isSigned             bool
		status               int
		code                 string
	}{
		"unknown path":   {"POST", "/v2/other?Action=" + buying, postpaid, false, 404, "ResourceNotFound"},
		"not signed":     {"POST", path + "?Action=" + buying, postpaid, false, 400, "SignatureEmpty"},
		"GET":            {"GET", path + "?Action=" + buying, postpaid, true, 400, "InvalidHTTPRequest"},
		"unknown action": {"POST", path + "?Action=Buy", postpaid, true, 400, "InvalidURI"},
		"no action":      {"POST", path, postpaid, true, 400, "InvalidURI"},
		"huge body":      {"POST", path + "?Action=" + buying, strings.Repeat(" ", 65<<10), true, 400, "InvalidHTTPRequest"},
		"no JSON":        {"POST", path + "?Action=" + buying, "{", true, 400, "MalformedJSON"},
		"a list":         {"POST", path + "?Action=" + listing, "[]", true, 400, "InappropriateJSON"},
	} {
		s := serve(t, simulator.Config{})
		r, err := http.NewRequest(test.method, s.url+test.target, strings.NewReader(test.body))
		require.NoError(t, err)
		if r.Header.Set("Content-Type", "application/json"); test.isSigned {
			sign(r, keys)
		}
		got := s.send(r)
		assert.Equal(t, test.status, got.status, name)
		assert.Equal(t, test.code, got.Code, name)
		assert.Empty(t, s.Orders(), name)
		assert.Equal(t, 1, s.Requests(), name)
	}
}

func TestAnAnswerIsAsDocumented(t *testing.T) {
	now, config := clock()
	s := serve(t, config)
	got := s.call(buying, example)
	order := s.Orders()[0]
	assert.JSONEq(t, `{"requestId":"`+order.RequestID+`","result":{"instanceId":"`+order.InstanceID+`","orderId":"`+order.OrderID+`"}}`, got.body)
	assert.Equal(t, order.RequestID, got.header.Get("X-Bce-Request-Id"))
	assert.Equal(t, "of-the-client", order.ClientRequestID)
	assert.Equal(t, now.UTC().Format(http.TimeFormat), got.header.Get("Date"))
	assert.Equal(t, "application/json", got.header.Get("Content-Type"))
	s.call(buying, example)
	assert.NotContains(t, []string{order.OrderID, order.InstanceID, order.RequestID}, s.Orders()[1].OrderID)
}
