//go:build race

package proof

import "testing"

// skipIfRacy is for tests of bce-sdk-go's client, whose requests race with each other on its global http.Client.
func skipIfRacy(t *testing.T) {
	t.Helper()
	t.Skip("bce-sdk-go's own client is not clean under the race detector")
}
