package main

import (
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/computeunittest"
)

func TestAnAddressThatIsTakenIsNamedWithTheWayOut(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	addr := taken.Addr().String()
	_, err = start(addr, []computeunittest.Option{computeunittest.WithAddr(addr)})
	assert.ErrorContains(t, err, addr+" is taken")
	assert.ErrorContains(t, err, "-addr 127.0.0.1:0")
}

// Programs read the lines of export up to the first other one, and that is there when all of them are.
func TestEachVariableIsExplainedAfterTheLastOfThem(t *testing.T) {
	server := computeunittest.NewServer()
	defer server.Close()
	exports, explanation, found := strings.Cut(environment(server), "# a stand-in: nothing is bought.")
	require.True(t, found)
	lines := strings.Split(strings.TrimSuffix(exports, "\n"), "\n")
	assert.Len(t, lines, 4)
	for _, line := range lines {
		variable, is := strings.CutPrefix(line, "export ")
		name, _, _ := strings.Cut(variable, "=")
		assert.True(t, is, line)
		assert.Contains(t, explanation, name+" ")
	}
}

func TestFaultsAreReadInTurn(t *testing.T) {
	parsed, err := parseFaults("503+order,none", 0)
	require.NoError(t, err)
	assert.Equal(t, computeunittest.Fault{}, parsed.at(7), "the last goes on")
	assert.NotEqual(t, parsed.at(1), parsed.at(2))
	for _, wrong := range []string{"other", "none+order", "403+order", "none+-1s", "199"} {
		_, err := parseFaults(wrong, 0)
		assert.Error(t, err, wrong)
	}
}
