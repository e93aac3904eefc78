package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/computeunittest"
)

// The engine repeats the step, because no result of it is recorded.
func TestKilledInItsStepTheWorkflowEndsWithOneOrder(t *testing.T) {
	service := computeunittest.NewServer()
	defer service.Close()
	service.NextPurchases(computeunittest.Delay(time.Hour))
	folder := t.TempDir()
	program := filepath.Join(folder, "workflow.exe")
	output, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, string(output))
	command := func() *exec.Cmd {
		command := exec.Command(program, "-id", "order-1", "-service", "svco-48esssdpa594")
		command.Dir, command.Stderr = folder, t.Output()
		command.Env = append(os.Environ(),
			"QIANFAN_ACCESS_KEY="+service.Credentials.AccessKeyID,
			"QIANFAN_SECRET_KEY="+service.Credentials.SecretAccessKey,
			"QIANFAN_CONSOLE_BASE_URL="+service.URL)
		return command
	}

	killed := command()
	require.NoError(t, killed.Start())
	require.Eventually(t, func() bool { return len(service.Orders()) == 1 }, time.Minute, 10*time.Millisecond)
	require.NoError(t, killed.Process.Kill())
	_ = killed.Wait()

	output, err = command().Output()
	require.NoError(t, err)
	orders := service.Orders()
	require.Len(t, orders, 1)
	assert.Contains(t, string(output), `bought: instance "`+orders[0].InstanceID+`"`)
}
