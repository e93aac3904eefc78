package once

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/once/internal/store"
)

func TestARecordIsTheSameAfterItsRow(t *testing.T) {
	written := record{Purchase: full()}
	row, err := written.encode("v")
	require.NoError(t, err)
	read := decode(row)
	assert.Equal(t, full(), read.Purchase)
	assert.Equal(t, "v", read.version)
	assert.False(t, read.foreign())
	assert.Empty(t, row.OpenService)
}

func TestAnOpenRecordKeepsItsServiceClosed(t *testing.T) {
	for stage, open := range map[State]bool{StatePreparing: true, StateSending: true, StateBought: false, boughtUnnamed: true, StateNotPurchased: false} {
		r := record{Purchase: full()}
		r.State, r.Request.ServiceID = stage, " SVCO-1\n"
		if stage == boughtUnnamed {
			r.State, r.InstanceID = StateBought, ""
		}
		row, err := r.encode("v")
		require.NoError(t, err)
		if open {
			assert.Equal(t, "svco-1", row.OpenService, stage)
		} else {
			assert.Empty(t, row.OpenService, stage)
		}
	}
}

func TestWhatALaterVersionWroteIsForeign(t *testing.T) {
	for name, data := range map[string]string{
		"a later format":         `{"format":2,"key":"a"}`,
		"a field":                `{"format":1,"key":"a","request":{"serviceId":"svco-1","billing":{"paymentTiming":"Prepaid"},"replicasCount":1},"new":1}`,
		"a field of the request": `{"format":1,"key":"a","request":{"serviceId":"svco-1","billing":{"paymentTiming":"Prepaid","new":1},"replicasCount":1}}`,
		"another type":           `{"format":1,"key":1}`,
		"no object":              `[]`,
		"null":                   `null`,
		"an empty object":        `{}`,
	} {
		r := decode(store.Record{Key: "a", Version: "v", State: "preparing", OpenService: "svco-1", Data: []byte(data)})
		assert.True(t, r.foreign(), name)
		assert.Equal(t, StatePreparing, r.State, name)
	}
}

func TestAForeignRecordKeepsWhatIsNotUnderstood(t *testing.T) {
	data := `{"format":2,"key":"a","state":"preparing","request":{"serviceId":"svco-1","billing":{"paymentTiming":"Postpaid","new":{"a":1}},` +
		`"replicasCount":1},"since":"2030-01-02T03:04:05Z","unknown":true,"new":[1,2]}`
	r := decode(store.Record{Key: "a", Version: "v", State: "sending", OpenService: "svco-1", Data: []byte(data)})
	require.True(t, r.foreign())
	require.NoError(t, r.found("i"))
	row, err := r.encode("w")
	require.NoError(t, err)
	assert.JSONEq(t, `{"format":2,"key":"a","state":"bought","evidence":"listing","instanceId":"i","request":{"serviceId":"svco-1",`+
		`"billing":{"paymentTiming":"Postpaid","new":{"a":1}},"replicasCount":1},"since":"2030-01-02T03:04:05Z","new":[1,2]}`, string(row.Data))
	assert.Equal(t, "i", row.InstanceID)
}

func TestAForeignRecordThatIsNoObjectIsNotWritten(t *testing.T) {
	r := decode(store.Record{Key: "a", Version: "v", State: "preparing", OpenService: "svco-1", Data: []byte(`[]`)})
	_, err := r.encode("w")
	assert.Error(t, err)
}

func TestRequestsAreComparedAsTheyAreSent(t *testing.T) {
	at := time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC)
	base := computeunit.PurchaseComputeUnitRequest{ServiceID: "svco-1", Billing: computeunit.PostpaidUntil(at), ReplicasCount: 1}
	change := func(f func(*computeunit.PurchaseComputeUnitRequest)) computeunit.PurchaseComputeUnitRequest {
		changed := base
		f(&changed)
		return changed
	}
	type request = computeunit.PurchaseComputeUnitRequest
	assert.True(t, sameRequest(base, base))
	assert.True(t, sameRequest(base, change(func(r *request) { r.Billing.ReleaseTime = at.In(time.FixedZone("", 3600)) })))
	assert.True(t, sameRequest(base, change(func(r *request) { r.Billing.ReleaseTime = at.Add(time.Millisecond) })))
	for name, other := range map[string]request{
		"service": change(func(r *request) { r.ServiceID = "SVCO-1" }),
		"count":   change(func(r *request) { r.ReplicasCount = 2 }),
		"release": change(func(r *request) { r.Billing.ReleaseTime = at.Add(time.Second) }),
		"none":    change(func(r *request) { r.Billing = computeunit.Postpaid() }),
		"timing":  change(func(r *request) { r.Billing = computeunit.Prepaid(1) }),
	} {
		assert.False(t, sameRequest(base, other), name)
	}
}
