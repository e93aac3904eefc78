package simulator

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDescribeFilters(t *testing.T) {
	s := New(withClock(Config{}))
	postpaid := buy(s, postpaidBody).Result.InstanceID
	prepaid := buy(s, prepaidBody(`{"reservationTimeUnit":"Month","reservationLength":1}`)).Result.InstanceID
	buy(s, exampleBody)
	first := instance{postpaid, Postpaid, 2, StatusRunning, startOfTest}
	second := instance{prepaid, Prepaid, 1, StatusRunning, startOfTest}

	assert.Equal(t, []instance{first, second}, list(s, service1).Result.Instances)
	assert.Equal(t, []instance{first}, list(s, `{"serviceId":"svco-1","paymentTiming":"Postpaid"}`).Result.Instances)
	assert.Equal(t, []instance{second}, list(s, `{"serviceId":"svco-1","paymentTiming":"Prepaid"}`).Result.Instances)

	none := list(s, `{"serviceId":"svco-2"}`)
	assert.Equal(t, http.StatusOK, none.Status)
	assert.JSONEq(t, `{"requestId":"`+none.RequestID+`","result":{"instances":[]}}`, none.Body)
}

func TestDescribeRefusesBody(t *testing.T) {
	tests := map[string]struct{ body, code string }{
		"empty":       {``, codeMalformedJSON},
		"no service":  {`{}`, codeInappropriateJSON},
		"blank":       {`{"serviceId":""}`, codeInappropriateJSON},
		"timing":      {`{"serviceId":"s","paymentTiming":"Later"}`, codeInappropriateJSON},
		"timing type": {`{"serviceId":"s","paymentTiming":1}`, codeInappropriateJSON},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := list(New(withClock(Config{})), test.body)
			assert.Equal(t, http.StatusBadRequest, got.Status)
			assert.Equal(t, test.code, got.Code)
		})
	}
}

func TestReadFaults(t *testing.T) {
	var asked []Read
	s := New(withClock(Config{ReadFault: func(r Read) Fault {
		asked = append(asked, r)
		return Fault{Kind: SlowHeaders, Delay: 1, Attempts: 1}
	}}))
	id := buy(s, postpaidBody).Result.InstanceID
	for range 2 {
		got := list(s, `{"serviceId":"svco-1","paymentTiming":"Postpaid"}`)
		require.Len(t, got.Result.Instances, 1, "a slow listing is a true one")
		assert.Equal(t, id, got.Result.Instances[0].InstanceID)
	}
	assert.Equal(t, []Read{{"svco-1", Postpaid, 1}, {"svco-1", Postpaid, 2}}, asked)

	s.InjectRead(Fault{Kind: EmptyIDs})
	assert.Equal(t, []instance{{}}, list(s, service1).Result.Instances)
}

// The listing of the official SDKs' example sends the body of a purchase: what a listing does not know is ignored.
func TestAListingIgnoresThePurchaseInItsBody(t *testing.T) {
	s := New(withClock(Config{}))
	bought := buy(s, exampleBody).Result.InstanceID
	listed := list(s, exampleBody).Result.Instances
	require.Len(t, listed, 1)
	assert.Equal(t, bought, listed[0].InstanceID)
}
