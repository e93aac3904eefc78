//go:build linux

package servers

import (
	"fmt"
	"os"
	"path/filepath"

	_ "github.com/go-sql-driver/mysql" // the driver "mysql"
)

// MariaDB starts a new MariaDB server, with options besides its own.
func MariaDB(options ...string) (*Server, error) {
	install, err := program("mariadb-server", "mariadb-install-db")
	if err != nil {
		return nil, err
	}
	server, err := program("mariadb-server", "mariadbd", "/usr/sbin/mariadbd")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "once-server-")
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	// Each system table with a transaction of its own, the set-up takes seconds on a slow disk; it need not be durable.
	if err := setUp(dir, install, "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal",
		"--skip-test-db", "--innodb-flush-log-at-trx-commit=0"); err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &Server{
		Dialect: "mysql", Driver: "mysql",
		DSN:     fmt.Sprintf("root@tcp(127.0.0.1:%s)/once", port),
		Address: "127.0.0.1:" + port,
		dir:     dir,
		command: append([]string{server, "--no-defaults", "--datadir=" + data, "--bind-address=127.0.0.1", "--port=" + port,
			"--socket=" + filepath.Join(dir, "socket"), "--pid-file=" + filepath.Join(dir, "pid"), "--max-connections=200"}, options...),
		first: [2]string{fmt.Sprintf("root@tcp(127.0.0.1:%s)/", port), "CREATE DATABASE IF NOT EXISTS once"},
	}
	return s, s.Start()
}
