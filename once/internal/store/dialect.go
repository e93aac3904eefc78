package store

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// columns are in the order of the parameters of a write, which the version that is replaced follows. changed_at has none.
const columns = "version, open_service, instance_id, state, data, purchase_key"

// schema is the table. A service or an instance that is NULL is nobody's: NULLs are not equal to each other.
const schema = `CREATE TABLE IF NOT EXISTS {table} (
	purchase_key {text} NOT NULL PRIMARY KEY,
	version      {text} NOT NULL,
	open_service {text} UNIQUE,   -- closed to other keys, NULL if none
	instance_id  {text} UNIQUE,   -- belongs to this key, NULL if none does
	state        {text} NOT NULL,
	changed_at   BIGINT NOT NULL, -- microseconds since 1970, by this database's clock
	data         {data} NOT NULL  -- JSON; other characters than ASCII are escapes here and above
){engine};
`

// dialect is what differs between databases.
type dialect struct {
	text, data, engine string // of the table; every text is compared byte for byte
	quote              string // around a name
	home, schema       string // of a table that is named without a schema: that, or an expression for it
	place              string // a query for the schema that the table is in; empty or no row if there is none
	parameter          string // # is its number
	now                string // microseconds since 1970
	from, onConflict   string // of an INSERT
	settings           []setting
}

// setting is what a connection must have so that the database keeps what it confirmed, and reads are not stale. Each
// statement checks those of its own connection, because the connections of a pool can differ, but for what is one for all.
type setting struct {
	holds, refusal string
	one            bool
}

var dialects = map[string]dialect{
	"sqlite": {
		text: "TEXT", data: "TEXT", quote: `"`, home: "main", parameter: "?", onConflict: " ON CONFLICT DO NOTHING",
		place: `SELECT name || ' (' || file || ')' FROM pragma_database_list WHERE name = {schema} AND ` +
			`EXISTS (SELECT 1 FROM pragma_table_info('{name}', {schema}))`,
		now: `CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)`,
		settings: []setting{
			{`(SELECT synchronous FROM pragma_synchronous WHERE schema = {schema}) >= 2`,
				`PRAGMA synchronous is below FULL: set it to FULL on every connection of the pool, in the data source name ` +
					`(modernc.org/sqlite: _pragma=synchronous(full))`, false},
			{`(SELECT journal_mode FROM pragma_journal_mode WHERE schema = {schema}) NOT IN ('off', 'memory')`,
				`PRAGMA journal_mode is off or memory: set it to wal; a database in memory keeps nothing, use InMemory instead`, false},
			{`(SELECT file FROM pragma_database_list WHERE name = {schema}) <> ''`,
				`the database is a temporary one of this connection: set it to a file`, true},
		},
	},
	"postgresql": {
		text: `TEXT COLLATE "C"`, data: "TEXT", quote: `"`, parameter: "$#", onConflict: " ON CONFLICT DO NOTHING",
		place: `SELECT CAST(CAST(relnamespace AS regnamespace) AS TEXT) FROM pg_class WHERE oid = to_regclass('{table}')`,
		now:   `CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)`,
		settings: []setting{
			{`current_setting('synchronous_commit') <> 'off'`, `synchronous_commit is off: set it to on`, false},
			{`current_setting('fsync') = 'on'`, `fsync is off: set it to on`, false},
			{`NOT pg_is_in_recovery()`,
				`this server is a standby, which can be behind: connect to the primary (target_session_attrs=read-write)`, false},
			{`(SELECT relpersistence FROM pg_class WHERE oid = to_regclass('{table}')) = 'p'`,
				`the table is not permanent, so that a crash empties it: set it to LOGGED`, true},
			{`(SELECT relkind FROM pg_class WHERE oid = to_regclass('{table}')) = 'r' AND
				NOT EXISTS (SELECT 1 FROM pg_inherits WHERE inhparent = to_regclass('{table}'))`,
				`it is a view, or has partitions or children, each with constraints of its own: set it to a plain table`, true},
		},
	},
	"mysql": {
		// 255 bytes are at most 1020 as escapes. A connection converts a parameter to its character set, of which some write
		// ASCII in two bytes or four. It is not INSERT IGNORE: that also ignores what does not fit.
		text: "VARBINARY(1020)", data: "LONGBLOB", engine: " ENGINE = InnoDB ROW_FORMAT = DYNAMIC", quote: "`", schema: "DATABASE()",
		parameter: "CONVERT(? USING ascii)", from: " FROM DUAL",
		place: `SELECT table_schema FROM information_schema.tables WHERE table_schema = {schema} AND table_name = '{name}'`,
		now:   `TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(6))`,
		settings: []setting{
			{`@@innodb_flush_log_at_trx_commit = 1`, `innodb_flush_log_at_trx_commit is not 1: set it to 1`, false},
			{`@@log_bin = 0 OR @@sync_binlog = 1`, `sync_binlog is not 1 with a binary log: set it to 1`, false},
			{`@@log_bin = 0 OR @@binlog_format <> 'STATEMENT'`, `binlog_format is STATEMENT: set it to ROW`, false},
			{`@@autocommit = 1`, `autocommit is off, so that nothing that is written is kept, and what is read is old: set it to 1`, false},
			{`CAST(@@global.read_only AS CHAR) IN ('0', 'OFF') AND @@global.innodb_read_only = 0`,
				`this server is read only, as a replica is, which can be behind: connect to the primary`, false},
			{`@@sql_select_limit > 9223372036854775806`, `sql_select_limit hides open purchases: set it to DEFAULT`, false},
			{`COALESCE((SELECT engine FROM information_schema.tables WHERE table_schema = {schema} AND table_name = '{name}'), '') = 'InnoDB'`,
				`the engine of the table is not InnoDB, and others write half a statement: set it to InnoDB`, true},
		},
	},
}

// DefaultTable is the name of the table if none is given.
const DefaultTable = "computeunit_purchases"

// Its indexes have longer names, of at most 63 bytes in PostgreSQL.
var tableName = regexp.MustCompile(`^(?:([a-z0-9_]{1,48})\.)?([a-z0-9_]{1,48})$`)

// texts fills in what is written in braces, and numbers the parameters.
func (d dialect) texts(table string) (func(string) string, error) {
	parts := tableName.FindStringSubmatch(table)
	if parts == nil {
		return nil, fmt.Errorf("journal: the table %q is not [schema.]table in a-z, 0-9 and _, at most 48 of them each", table)
	}
	quoted := d.quote + parts[2] + d.quote
	if schema := cmp.Or(parts[1], d.home); schema != "" {
		quoted, d.schema = d.quote+schema+d.quote+"."+quoted, "'"+schema+"'"
	}
	filled := strings.NewReplacer("{table}", quoted, "{name}", parts[2], "{schema}", d.schema, "{now}", d.now,
		"{text}", d.text, "{data}", d.data, "{engine}", d.engine)
	return func(text string) string {
		parts := strings.Split(filled.Replace(text), "?")
		for n := range parts[1:] {
			parts[n] += strings.Replace(d.parameter, "#", strconv.Itoa(n+1), 1)
		}
		return strings.Join(parts, "")
	}, nil
}

// Schema returns the statement that creates a table; empty for an unknown dialect or a name that is none.
func Schema(name, table string) string {
	d, known := dialects[name]
	text, err := d.texts(table)
	if !known || err != nil {
		return ""
	}
	return text(schema)
}
