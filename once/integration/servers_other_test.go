//go:build !linux

package integration

import "testing"

func serverOf(t *testing.T, _ string) database {
	t.Skip("servers are started on Linux only")
	return database{}
}
