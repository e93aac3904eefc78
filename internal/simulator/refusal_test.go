package simulator

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestRefusalError(t *testing.T) {
	err := Verify(vectorRequest(""), vectorSecret, vectorTime)
	assert.EqualError(t, err, "400 SignatureEmpty: there is no Authorization")
}
