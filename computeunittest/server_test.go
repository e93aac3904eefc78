package computeunittest_test

import (
	"context"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/computeunittest"
)

func TestAnOrderIsWhatWasBought(t *testing.T) {
	server := newServer(t)
	client := server.Client()
	started := time.Now().Add(-time.Second)
	bought, err := client.PurchaseComputeUnit(t.Context(), fiveMonths)
	require.NoError(t, err)

	orders := server.Orders()
	require.Len(t, orders, 1)
	order := orders[0]
	assert.WithinRange(t, order.CreatedAt, started, time.Now())
	assert.NotEmpty(t, order.ClientRequestID)
	order.CreatedAt, order.ClientRequestID = time.Time{}, ""
	assert.Equal(t, computeunittest.Order{
		OrderID: bought.Result.OrderID, InstanceID: bought.Result.InstanceID, RequestID: bought.RequestID,
		AccessKeyID: server.Credentials.AccessKeyID, ServiceID: fiveMonths.ServiceID,
		PaymentTiming: "Prepaid", ReplicasCount: 5, Months: 5, Price: 25 * 100_00,
	}, order)
	assert.Equal(t, []string{bought.Result.InstanceID}, list(t, client))
	assert.Equal(t, 2, server.Requests())
}

func TestAnOrderKeepsTheOptionalFields(t *testing.T) {
	server := newServer(t)
	client := server.Client()
	release := time.Date(2030, 1, 25, 12, 30, 30, 0, time.UTC)
	for _, billing := range []computeunit.Billing{computeunit.Prepaid(1).WithAutoRenew(1), computeunit.PostpaidUntil(release)} {
		_, err := client.PurchaseComputeUnit(t.Context(), computeunit.PurchaseComputeUnitRequest{
			ServiceID: "svco-1", Billing: billing, ReplicasCount: 1,
		})
		require.NoError(t, err)
	}
	orders := server.Orders()
	assert.True(t, orders[0].AutoRenew)
	assert.Equal(t, "2030-01-25T12:30:30Z", orders[1].ReleaseTime)
	assert.Zero(t, orders[1].Price)
}

func TestAServerBeforeItsFirstOrder(t *testing.T) {
	server := newServer(t)
	assert.Empty(t, server.Orders())
	assert.Zero(t, server.Requests())
	assert.True(t, strings.HasPrefix(server.URL, "http://127.0.0.1:"))
}

func TestStatusAndDelete(t *testing.T) {
	server := newServer(t)
	client := server.Client()
	require.Equal(t, "bought", buy(client))
	id := server.Orders()[0].InstanceID
	assert.True(t, server.SetStatus(id, computeunit.InstanceCreating))
	assert.False(t, server.SetStatus("other", computeunit.InstanceCreating))
	listing, err := client.DescribeComputeUnits(t.Context(), computeunit.DescribeComputeUnitsRequest{ServiceID: fiveMonths.ServiceID})
	require.NoError(t, err)
	assert.Equal(t, computeunit.InstanceCreating, listing.Result.Instances[0].Status)

	assert.True(t, server.Delete(id))
	assert.False(t, server.Delete("other"))
	assert.Empty(t, list(t, client))
	assert.Len(t, server.Orders(), 1)
}

func TestAClosedServerIsNotReached(t *testing.T) {
	server := newServer(t)
	client := server.Client(computeunit.WithMaxAttempts(1))
	server.Close()
	server.Close()
	_, err := client.PurchaseComputeUnit(t.Context(), fiveMonths)
	assert.ErrorIs(t, err, computeunit.ErrNotPurchased)
}

func TestCloseEndsARequestThatIsDelayed(t *testing.T) {
	var server *computeunittest.Server
	server = newServer(t, computeunittest.WithPurchaseFaults(func(computeunittest.Purchase) computeunittest.Fault {
		go server.Close()
		return computeunittest.Delay(time.Hour)
	}))
	_, err := server.Client().PurchaseComputeUnit(context.Background(), fiveMonths)
	assert.ErrorIs(t, err, computeunit.ErrOutcomeUnknown)
}

func TestAClientTakesOptions(t *testing.T) {
	server := newServer(t)
	own := &http.Transport{}
	t.Cleanup(own.CloseIdleConnections)
	assert.Equal(t, "bought", buy(server.Client(computeunit.WithHTTPClient(&http.Client{Transport: own}))))
	assert.PanicsWithValue(t, "computeunittest: computeunit: WithMaxAttempts: 0 is less than 1",
		func() { server.Client(computeunit.WithMaxAttempts(0)) })
}

func TestNewServerPanicsIfItCannotListen(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	assert.Panics(t, func() { computeunittest.NewServer(computeunittest.WithAddr(taken.Addr().String())) })
}

// A user cannot name what is internal, so nothing exported may have it in its type.
func TestNothingExportedIsInternal(t *testing.T) {
	folder, err := build.ImportDir(".", 0)
	require.NoError(t, err)
	exported := 0
	for _, name := range folder.GoFiles {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, declaration := range file.Decls {
			switch d := declaration.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() {
					exported++
					assertNotInternal(t, d.Type)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if s, isType := spec.(*ast.TypeSpec); isType && s.Name.IsExported() {
						exported++
						assertFieldsNotInternal(t, s.Type)
					}
				}
			}
		}
		for _, imported := range file.Imports {
			assert.NotEqual(t, `"testing"`, imported.Path.Value)
		}
	}
	assert.Greater(t, exported, 20)
}

func assertFieldsNotInternal(t *testing.T, node ast.Expr) {
	structure, isStruct := node.(*ast.StructType)
	if !isStruct {
		assertNotInternal(t, node)
		return
	}
	for _, field := range structure.Fields.List {
		if len(field.Names) == 0 || field.Names[0].IsExported() {
			assertNotInternal(t, field.Type)
		}
	}
}

func assertNotInternal(t *testing.T, node ast.Node) {
	ast.Inspect(node, func(n ast.Node) bool {
		if selector, is := n.(*ast.SelectorExpr); is {
			assert.NotEqual(t, "simulator", selector.X.(*ast.Ident).Name)
		}
		return true
	})
}
