package integration

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/proof/model"
	"github.com/qianfan-go/computeunit/once"
)

// What public reports of other journals, queues and SDKs had go wrong, on real databases: see docs/once-design.md.

// encoded is a database whose connections change bytes, each in a way of its own.
type encoded struct {
	name, dialect string
	create        string   // the encoding of the database
	connections   []string // what is added to the data source name
	initConnect   string
}

var encodings = []encoded{
	{"PostgreSQL in LATIN1", "postgresql", "LATIN1", []string{"", "&client_encoding=UTF8", "&client_encoding=LATIN1"}, ""},
	{"PostgreSQL in EUC_CN", "postgresql", "EUC_CN", []string{"", "&client_encoding=UTF8", "&client_encoding=EUC_CN"}, ""},
	{"PostgreSQL in SQL_ASCII", "postgresql", "SQL_ASCII", []string{"", "&client_encoding=UTF8", "&client_encoding=LATIN1"}, ""},
	{"MariaDB by DSN", "mysql", "latin1", []string{
		"", "?charset=latin1", "?charset=gbk", "?character_set_connection=latin1", "?character_set_connection=utf16", "?character_set_client=gbk",
	}, ""},
	{"MariaDB by init_connect", "mysql", "utf8mb4", []string{"", "?charset=utf8mb4"}, "SET character_set_connection = latin1"},
	{"MariaDB by init_connect, of a client", "mysql", "gbk", []string{"", "?charset=utf8mb4"}, "SET character_set_client = big5"},
}

// members returns the database as each kind of connection has it. It is new for each test.
func (e encoded) members(t *testing.T) (members []database) {
	d := databaseOf(t, e.dialect)
	admin := d.open(t)
	name := fmt.Sprintf("encoded_%d", time.Now().UnixNano())
	if e.dialect == "postgresql" {
		execute(t, admin, "CREATE DATABASE "+name+" ENCODING '"+e.create+"' LOCALE 'C' TEMPLATE template0")
		d.dsn = strings.Replace(d.dsn, "/postgres?", "/"+name+"?", 1)
	} else {
		// init_connect is not for those who may do everything.
		execute(t, admin, "CREATE DATABASE "+name+" CHARACTER SET "+e.create, "CREATE OR REPLACE USER app@'127.0.0.1'",
			"GRANT ALL ON "+name+".* TO app@'127.0.0.1'", "SET GLOBAL init_connect = '"+e.initConnect+"'")
		t.Cleanup(func() {
			_, err := admin.ExecContext(context.Background(), "SET GLOBAL init_connect = ''")
			assert.NoError(t, err)
		})
		d.dsn = strings.Replace(strings.TrimSuffix(d.dsn, "once")+name, "root@", "app@", 1)
	}
	for _, c := range e.connections {
		members = append(members, database{d.dialect, d.driver, d.dsn + c})
	}
	return members
}

func onEachEncoding(t *testing.T, test func(t *testing.T, members []database)) {
	for _, e := range encodings {
		t.Run(e.name, func(t *testing.T) { test(t, e.members(t)) })
	}
}

// Two of them are one in some character set, or look like one to somebody who reads with another.
var foreignKeys = []string{
	"订单-1", "訂單-1", "заказ-1", "commande é", "commande É", "commande Ã©", "😀", "喆", "?", "??-1", `\u8ba2\u5355-1`,
}

func TestAKeyHasOneOrderWhateverAConnectionDoesToBytes(t *testing.T) {
	onEachEncoding(t, func(t *testing.T, members []database) {
		service, owners := &model.Service{}, map[string]string{} // by instance
		var buyers []*once.Buyer
		for _, member := range members {
			buyer := process(t, member, service)
			buyers = append(buyers, buyer)
		}
		for first := range members {
			for _, key := range foreignKeys {
				key = fmt.Sprint(first, " ", key)
				for i := range buyers {
					bought, err := buyers[(first+i)%len(buyers)].Buy(t.Context(), key, model.Prepaid("服务-é"))
					if !assert.NoError(t, err) {
						continue
					}
					owners[bought.InstanceID] = cmp.Or(owners[bought.InstanceID], key)
					assert.Equal(t, owners[bought.InstanceID], key, "by connection %d", i)
					assert.Equal(t, key, bought.Key)
				}
			}
		}
		assert.Len(t, owners, len(members)*len(foreignKeys), "an instance for each key")
		assert.Len(t, service.Orders(0), len(owners))
	})
}

// The message of a refusal is the service's: it has characters that the database has none for.
func TestARefusalInAnyLanguageIsWrittenDown(t *testing.T) {
	onEachEncoding(t, func(t *testing.T, members []database) {
		service := &model.Service{}
		service.Between = func(r *http.Request, serve func() *http.Response) (*http.Response, error) {
			if model.IsPurchase(r) {
				return service.Refuse(http.StatusForbidden, "AccessDenied", "余额不足，请充值：喆 镕 😀 é"), nil
			}
			return serve(), nil
		}
		for i, member := range members {
			buyer := process(t, member, service)
			key := fmt.Sprint("key-", i)
			_, err := buyer.Buy(t.Context(), key, model.Prepaid("svco-1"))
			require.ErrorIs(t, err, computeunit.ErrNotPurchased)
			require.ErrorContains(t, err, "余额不足，请充值：喆 镕 😀 é")
			kept, _, err := buyer.Lookup(t.Context(), key)
			require.NoError(t, err)
			assert.Equal(t, once.StateNotPurchased, kept.State)
			assert.Contains(t, kept.Refusal, "余额不足，请充值：喆 镕 😀 é")
		}
	})
}

// crash has a process end when it has sent a request: its purchase, or its listing before that. A purchase is ordered.
func crash(t *testing.T, d database, service *model.Service, key string, during func(*http.Request) bool) {
	pool := d.open(t)
	dying := &model.Service{Between: func(r *http.Request, _ func() *http.Response) (*http.Response, error) {
		response := service.Serve(r, true)
		if during(r) {
			require.NoError(t, pool.Close())
			return nil, http.ErrServerClosed
		}
		return response, nil
	}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := buyerOn(t, d.journalIn(t, pool), dying).Buy(ctx, key, model.Prepaid(key))
	require.Error(t, err)
}

// A cron job or a function has a new process for each call, and each has less time than a take-over waits.
func TestProcessesThatLiveForOneCallSettle(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		service := &model.Service{}
		crash(t, d, service, "preparing", func(r *http.Request) bool { return !model.IsPurchase(r) })
		crash(t, d, service, "sending", model.IsPurchase)
		time.Sleep(time.Second)

		bought, err := process(t, d, service).Buy(t.Context(), "sending", model.Prepaid("sending"))
		assert.NoError(t, err, "its sender's time-out has passed")
		assert.Equal(t, once.EvidenceListing, bought.Evidence)
		for range 3 {
			cron := buyerOn(t, d.journalIn(t, d.open(t)), service, once.WithTakeoverAfter(500*time.Millisecond))
			_, err := cron.Settle(t.Context())
			require.NoError(t, err)
		}
		kept, _, err := process(t, d, service).Lookup(t.Context(), "preparing")
		require.NoError(t, err)
		assert.Equal(t, once.StateNotPurchased, kept.State, "nobody is at work on it")
		assert.Len(t, service.Orders(0), 1)
	})
}

// It is a mistake, and must not hang.
func TestBuyInTheCallersTransactionOnAPoolOfOneConnectionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := sqliteFile(t, durable...)
		pool := d.open(t)
		buyer := buyerOn(t, d.journalIn(t, pool), &model.Service{})
		pool.SetMaxOpenConns(1)
		tx, err := pool.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		began := time.Now()
		_, err = buyer.Buy(t.Context(), "key", model.Prepaid("svco-1"))
		assert.ErrorIs(t, err, once.ErrPending)
		assert.Less(t, time.Since(began), time.Minute)
		require.NoError(t, tx.Rollback())
		_, err = buyer.Buy(t.Context(), "key", model.Prepaid("svco-1"))
		assert.NoError(t, err)
	})
}
