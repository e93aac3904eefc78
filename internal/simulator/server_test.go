package simulator

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestServe(t *testing.T) {
	s := New(Config{})
	address, stop, err := Serve(s)
	require.NoError(t, err)
	c := defaultCaller()
	c.at = time.Now()
	r, err := http.NewRequest(http.MethodPost, address+purchasePath, bytes.NewReader([]byte(exampleBody)))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	c.sign(r, r.URL.Host)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	answer.Body.Close()
	assert.Equal(t, http.StatusOK, answer.StatusCode)
	assert.Len(t, s.Orders(), 1)

	require.NoError(t, stop())
	require.NoError(t, stop(), "stop may be called twice")
	_, err = http.Get(address)
	assert.Error(t, err)
}
