// Package integration holds tests of package once that need a database: its journal on SQLite, PostgreSQL and MariaDB.
// It is a module of its own, so that no driver stands in the client's go.mod.
package integration
