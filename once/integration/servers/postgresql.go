//go:build linux

package servers

import (
	"fmt"
	"os"
	"path/filepath"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// PostgreSQL starts a new PostgreSQL server.
func PostgreSQL() (*Server, error) {
	initdb, err := program("postgresql", "/usr/lib/postgresql/*/bin/initdb", "initdb")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "once-server-")
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	err = setUp(dir, initdb, "--pgdata="+data, "--username=once", "--auth=trust", "--encoding=UTF8", "--locale=C")
	if err != nil {
		return nil, err
	}
	return startPostgreSQL(filepath.Join(filepath.Dir(initdb), "postgres"), dir, data)
}

// Standby starts a copy of a PostgreSQL server that follows it, and can be read.
func (s *Server) Standby() (*Server, error) {
	dir, err := os.MkdirTemp("", "once-server-")
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	backup := filepath.Join(filepath.Dir(s.command[0]), "pg_basebackup")
	err = setUp(dir, backup, "--pgdata="+data, "--dbname="+s.DSN, "--write-recovery-conf", "--checkpoint=fast", "--no-sync")
	if err != nil {
		return nil, err
	}
	return startPostgreSQL(s.command[0], dir, data)
}

func startPostgreSQL(postgres, dir, data string) (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dsn := fmt.Sprintf("postgres://once@127.0.0.1:%s/postgres?sslmode=disable", port)
	s := &Server{
		Dialect: "postgresql", Driver: "pgx",
		DSN:     dsn,
		Address: "127.0.0.1:" + port,
		dir:     dir,
		command: []string{postgres, "-D", data, "-h", "127.0.0.1", "-p", port,
			"-c", "unix_socket_directories=", "-c", "max_connections=200"},
		first: [2]string{dsn, "SELECT 1"},
	}
	return s, s.Start()
}
