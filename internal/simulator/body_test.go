package simulator

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The documentation is silent about these: see object.
func TestFieldsThatCountForNothing(t *testing.T) {
	for name, body := range map[string]string{
		"release null":    postpaidWith(`"releaseTime":null`),
		"unknown fields":  `{"x":{},"serviceId":"s","replicasCount":1,"billing":{"y":1,"paymentTiming":"Postpaid"}}`,
		"duplicate field": `{"serviceId":"s","replicasCount":"1","replicasCount":1,"billing":{"paymentTiming":"Postpaid"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			s := New(withClock(Config{}))
			got := buy(s, body)
			require.Equal(t, http.StatusOK, got.Status, got.Body)
			assert.Len(t, s.Orders(), 1)
		})
	}
}

func TestABodyOfOtherTypesIsRefused(t *testing.T) {
	const right = `"serviceId":"s","replicasCount":1`
	for name, test := range map[string]struct{ body, code, message string }{
		"empty":          {``, codeMalformedJSON, "the body is not JSON"},
		"cut":            {`{"serviceId":`, codeMalformedJSON, "the body is not JSON"},
		"two documents":  {`{} {}`, codeMalformedJSON, "the body is not JSON"},
		"list":           {`[]`, codeInappropriateJSON, `what is at "" is not an object`},
		"null":           {`null`, codeInappropriateJSON, `what is at "" is not an object`},
		"service number": {`{"serviceId":1,"replicasCount":1}`, codeInappropriateJSON, "serviceId is not of type string"},
		"service case":   {`{"ServiceId":"s","replicasCount":1}`, codeInappropriateJSON, "serviceId is required"},
		"replicas text":  {`{"serviceId":"s","replicasCount":"1"}`, codeInappropriateJSON, "replicasCount is not of type int"},
		"replicas half":  {`{"serviceId":"s","replicasCount":1.5}`, codeInappropriateJSON, "replicasCount is not of type int"},
		"billing text":   {`{` + right + `,"billing":""}`, codeInappropriateJSON, `what is at "billing" is not an object`},
		"release number": {postpaidWith(`"releaseTime":1`), codeInappropriateJSON, "billing.releaseTime is not of type string"},
		"renew text":     {prepaidBody(`{"reservationTimeUnit":"Month","reservationLength":1,"autoRenew":"yes"}`), codeInappropriateJSON, "billing.reservation.autoRenew is not of type bool"},
	} {
		t.Run(name, func(t *testing.T) { assertRefused(t, test.body, test.code, test.message) })
	}
}

func TestTheFirstThingThatIsWrongIsSaid(t *testing.T) {
	got := buy(New(withClock(Config{})), `{"serviceId":1,"replicasCount":0}`)
	assert.Equal(t, "serviceId is not of type string", got.Message)
}
