package simulator

import (
	"bufio"
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// captured reads a request of an official SDK, and when it was signed.
func captured(t *testing.T, path string) (r *http.Request, signedAt time.Time) {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	r, err = http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
	require.NoError(t, err)
	signedAt, err = time.Parse(timestampLayout, strings.Split(r.Header.Get("Authorization"), "/")[2])
	require.NoError(t, err)
	return r, signedAt
}

func capturedPaths(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/sdk-requests/*.http")
	require.NoError(t, err)
	require.Len(t, paths, 11)
	return paths
}

func TestTheOfficialSDKsAreServed(t *testing.T) {
	for _, path := range capturedPaths(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			r, signedAt := captured(t, path)
			s := New(Config{Now: func() time.Time { return signedAt }})
			got := serve(s, r)
			require.Equal(t, http.StatusOK, got.Status, got.Body)
			if strings.Contains(path, "purchase") {
				require.Len(t, s.Orders(), 1)
				assert.Equal(t, got.Result.OrderID, s.Orders()[0].OrderID)
				assert.Equal(t, 5, s.Orders()[0].Months)
			} else {
				assert.Contains(t, got.Body, `"instances":[]`)
			}
		})
	}
}

func TestAnAlteredRequestOfAnSDKIsRefused(t *testing.T) {
	for _, path := range capturedPaths(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			r, signedAt := captured(t, path)
			r.Host = "127.0.0.1:18099.example"
			got := serve(New(Config{Now: func() time.Time { return signedAt }}), r)
			assert.Equal(t, codeSignatureDoesNotMatch, got.Code)
		})
	}
}

// The listing of the official SDKs' example sends the body of a purchase: what a listing does not know is ignored.
func TestAListingIgnoresThePurchaseInItsBody(t *testing.T) {
	s := New(withClock(Config{}))
	bought := buy(s, exampleBody).Result.InstanceID
	listed := list(s, exampleBody).Result.Instances
	require.Len(t, listed, 1)
	assert.Equal(t, bought, listed[0].InstanceID)
}

func TestADateSomeTimeFromTheTimestampIsAccepted(t *testing.T) {
	for off, code := range map[time.Duration]string{
		0: "", time.Second: "", -time.Second: "", 303 * time.Second: "", dateTolerance: "", -dateTolerance: "",
		dateTolerance + time.Second: codeInvalidHTTPAuthHeader, -dateTolerance - time.Second: codeInvalidHTTPAuthHeader,
	} {
		c := defaultCaller()
		c.dateOff = off
		assert.Equal(t, code, serve(New(withClock(Config{})), c.request(purchasePath, exampleBody)).Code, off)
	}
}

func TestAnyExpiryFromOneSecondIsAccepted(t *testing.T) {
	for expire, code := range map[string]string{
		"1": "", "300": "", "1800": "", "180000": "", "31536000": "", "0": codeInvalidHTTPAuthHeader,
	} {
		c := defaultCaller()
		c.expire = expire
		assert.Equal(t, code, serve(New(withClock(Config{})), c.request(purchasePath, exampleBody)).Code, expire)
	}
}

func TestThePathIsJudgedBeforeTheSignature(t *testing.T) {
	s := New(withClock(Config{}))
	c := defaultCaller()
	c.key.SecretAccessKey = "other"
	got := serve(s, c.request("/v2/charge?Action=PurchaseServiceResource", exampleBody))
	assert.Equal(t, http.StatusNotFound, got.Status)
	assert.Equal(t, codeResourceNotFound, got.Code)
	assert.Equal(t, codeSignatureDoesNotMatch, serve(s, c.request("/v2/serviceresources?Action=Other", "")).Code)
}
