package store

// Every text is compared byte for byte: TEXT in SQLite, TEXT COLLATE "C" in PostgreSQL, VARBINARY in MySQL, of which the
// default collation takes "A" for "a" and others pad with spaces.

var sqlite = dialect{
	schema: []string{
		`CREATE TABLE IF NOT EXISTS ` + table + ` (
	purchase_key TEXT NOT NULL PRIMARY KEY,
	version      TEXT NOT NULL,
	open_service TEXT,          -- closed to other keys, NULL if none
	instance_id  TEXT,          -- belongs to this key, NULL if none does
	state        TEXT NOT NULL,
	changed_at   TEXT NOT NULL, -- UTC
	data         TEXT NOT NULL  -- JSON
)`,
		`CREATE UNIQUE INDEX IF NOT EXISTS ` + table + `_open_service ON ` + table + ` (open_service) WHERE open_service IS NOT NULL`,
		`CREATE UNIQUE INDEX IF NOT EXISTS ` + table + `_instance_id ON ` + table + ` (instance_id) WHERE instance_id IS NOT NULL`,
	},
	describe: `
SELECT 'column ' || name || ' ' || upper(type) || CASE "notnull" WHEN 1 THEN ' not null' ELSE '' END AS line
FROM pragma_table_info('` + table + `')
UNION ALL
SELECT 'unique ' || (SELECT group_concat(name || ' ' || coll) FROM pragma_index_xinfo(l.name) WHERE "key" = 1) || CASE l.partial
	WHEN 1 THEN (SELECT lower(substr(sql, instr(upper(sql), ' WHERE '))) FROM sqlite_master WHERE name = l.name) ELSE '' END
FROM pragma_index_list('` + table + `') AS l WHERE l."unique" = 1`,
	shape: []string{
		"column changed_at TEXT not null", "column data TEXT not null", "column instance_id TEXT", "column open_service TEXT",
		"column purchase_key TEXT not null", "column state TEXT not null", "column version TEXT not null",
		"unique instance_id BINARY where instance_id is not null", "unique open_service BINARY where open_service is not null",
		"unique purchase_key BINARY",
	},
	durable: []setting{
		{`(SELECT synchronous FROM pragma_synchronous) >= 2`,
			`PRAGMA synchronous is below FULL on a connection, so that the database can forget what it confirmed: set it to ` +
				`FULL on every connection of the pool, in the data source name (modernc.org/sqlite: _pragma=synchronous(full))`},
		{`(SELECT journal_mode FROM pragma_journal_mode) NOT IN ('off', 'memory')`,
			`PRAGMA journal_mode is off or memory: set it to wal; a database in memory keeps nothing, use InMemory instead`},
	},
}

var postgresql = dialect{
	numbered: true,
	schema: []string{
		`CREATE TABLE IF NOT EXISTS ` + table + ` (
	purchase_key TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	version      TEXT COLLATE "C" NOT NULL,
	open_service TEXT COLLATE "C",          -- closed to other keys, NULL if none
	instance_id  TEXT COLLATE "C",          -- belongs to this key, NULL if none does
	state        TEXT COLLATE "C" NOT NULL,
	changed_at   TEXT COLLATE "C" NOT NULL, -- UTC
	data         TEXT COLLATE "C" NOT NULL  -- JSON
)`,
		`CREATE UNIQUE INDEX IF NOT EXISTS ` + table + `_open_service ON ` + table + ` (open_service) WHERE open_service IS NOT NULL`,
		`CREATE UNIQUE INDEX IF NOT EXISTS ` + table + `_instance_id ON ` + table + ` (instance_id) WHERE instance_id IS NOT NULL`,
	},
	describe: `
SELECT 'column ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || coalesce(' ' || c.collname, '') ||
	CASE WHEN a.attnotnull THEN ' not null' ELSE '' END AS line
FROM pg_attribute AS a LEFT JOIN pg_collation AS c ON c.oid = a.attcollation
WHERE a.attrelid = to_regclass('` + table + `') AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT 'unique ' || (SELECT string_agg(a.attname, ',') FROM pg_attribute AS a WHERE a.attrelid = i.indexrelid) ||
	coalesce(' where ' || pg_get_expr(i.indpred, i.indrelid), '')
FROM pg_index AS i WHERE i.indrelid = to_regclass('` + table + `') AND i.indisunique AND i.indisvalid AND i.indimmediate
UNION ALL
SELECT 'table ' || relkind::text || relpersistence::text FROM pg_class WHERE oid = to_regclass('` + table + `')`,
	shape: []string{
		"column changed_at text C not null", "column data text C not null", "column instance_id text C",
		"column open_service text C", "column purchase_key text C not null", "column state text C not null",
		"column version text C not null",
		"table rp", // ordinary and permanent: an unlogged table is empty after a crash
		"unique instance_id where (instance_id IS NOT NULL)", "unique open_service where (open_service IS NOT NULL)",
		"unique purchase_key",
	},
	durable: []setting{
		{`current_setting('synchronous_commit') <> 'off'`,
			`synchronous_commit is off on a connection, so that the database can forget what it confirmed: set it to on`},
		{`current_setting('fsync') = 'on'`, `fsync is off, so that the database can forget what it confirmed: set it to on`},
	},
	fresh: []setting{
		{`NOT pg_is_in_recovery()`,
			`this server is a standby, which can be behind: connect to the primary (target_session_attrs=read-write)`},
	},
}

var mysql = dialect{
	// A connection converts each text to its character set, which can be one that writes ASCII in two bytes or four.
	parameter: "CONVERT(? USING ascii)",
	schema: []string{
		`CREATE TABLE IF NOT EXISTS ` + table + ` (
	purchase_key VARBINARY(1530) NOT NULL PRIMARY KEY,
	version      VARBINARY(384)  NOT NULL,
	open_service VARBINARY(1530) NULL,     -- closed to other keys, NULL if none
	instance_id  VARBINARY(1530) NULL,     -- belongs to this key, NULL if none does
	state        VARBINARY(192)  NOT NULL,
	changed_at   VARBINARY(32)   NOT NULL, -- UTC
	data         LONGBLOB        NOT NULL, -- JSON
	UNIQUE KEY ` + table + `_open_service (open_service),
	UNIQUE KEY ` + table + `_instance_id (instance_id)
) ENGINE = InnoDB`,
	},
	describe: `
SELECT CONCAT('column ', column_name, ' ', column_type, IF(is_nullable = 'NO', ' not null', '')) AS line
FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = '` + table + `'
UNION ALL
SELECT CONCAT('unique ', GROUP_CONCAT(column_name, IF(sub_part IS NULL, '', CONCAT('(', sub_part, ')'))
	ORDER BY seq_in_index))
FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = '` + table + `' AND non_unique = 0
GROUP BY index_name
UNION ALL
SELECT CONCAT('engine ', engine) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = '` + table + `'`,
	shape: []string{
		"column changed_at varbinary(32) not null", "column data longblob not null", "column instance_id varbinary(1530)",
		"column open_service varbinary(1530)", "column purchase_key varbinary(1530) not null",
		"column state varbinary(192) not null", "column version varbinary(384) not null",
		"engine InnoDB", // others are not durable, or write half a statement
		"unique instance_id", "unique open_service", "unique purchase_key",
	},
	durable: []setting{
		{`@@innodb_flush_log_at_trx_commit = 1`,
			`innodb_flush_log_at_trx_commit is not 1, so that the database can forget what it confirmed: set it to 1`},
		{`@@log_bin = 0 OR @@sync_binlog = 1`,
			`sync_binlog is not 1 with a binary log, so that the database can forget what it confirmed: set it to 1`},
		{`@@log_bin = 0 OR @@binlog_format <> 'STATEMENT'`,
			`binlog_format is STATEMENT, and each write depends on the server's settings: set it to ROW`},
		autocommit,
	},
	fresh: []setting{
		autocommit,
		{`CAST(@@global.read_only AS CHAR) IN ('0', 'OFF') AND @@global.innodb_read_only = 0`,
			`this server is read only, as a replica is, which can be behind: connect to the primary`},
	},
}

var autocommit = setting{`@@autocommit = 1`,
	`autocommit is off on a connection, so that nothing that it writes is kept, and what it reads is old: set it to 1`}
