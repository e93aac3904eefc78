package computeunit_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
)

func TestTheAnswerUnmarshalsFromTheDocumentedJSONAndBack(t *testing.T) {
	var answer computeunit.PurchaseComputeUnitResponse
	require.NoError(t, json.Unmarshal([]byte(documentedAnswer), &answer))
	assert.Equal(t, computeunit.PurchaseComputeUnitResponse{
		RequestID: "1bef3f87-c5b2-4419-936b-50f9884f10d4",
		Result:    computeunit.PurchaseResult{InstanceID: "44961088fxxxx9e9379f5daf", OrderID: "7b468732xxxxxx8364292"},
	}, answer)
	assert.Equal(t, documentedAnswer, marshal(t, answer))
}

func TestTheDocumentedAnswerIsReturnedToTheBuyer(t *testing.T) {
	transport := record(answerBought())
	got, err := newClient(t, transport).PurchaseComputeUnit(t.Context(), documentedRequest())
	require.NoError(t, err)
	assert.Equal(t, compact(t, documentedAnswer), marshal(t, got))
	assert.Equal(t, compact(t, documentedBody), transport.only(t).body)
}

func TestAnInvalidRequestIsNotSent(t *testing.T) {
	transport := record(answerBought())
	var zero computeunit.PurchaseComputeUnitRequest
	_, err := newClient(t, transport).PurchaseComputeUnit(t.Context(), zero)
	assert.ErrorIs(t, err, computeunit.ErrNotPurchased)
	var invalid *computeunit.ValidationError
	require.ErrorAs(t, err, &invalid)
	assert.Len(t, invalid.Violations, 3)
	assert.Empty(t, transport.requests())
}
