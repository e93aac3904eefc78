//go:build linux

// Package servers starts database servers for tests: on loopback, in a directory of their own, as an ordinary user.
// They end with the process that started them, also if it is killed.
package servers

import (
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Asked reports whether ONCE_DATABASES, which is all or some of postgresql,mysql, asks for a dialect.
func Asked(dialect string) bool {
	asked := strings.Split(os.Getenv("ONCE_DATABASES"), ",")
	return slices.Contains(asked, dialect) || slices.Contains(asked, "all")
}

// New starts a new server of a dialect.
func New(dialect string) (*Server, error) {
	if dialect == "mysql" {
		return MariaDB()
	}
	return PostgreSQL()
}

// A Server can be killed and started again with the same data and address.
type Server struct {
	// Dialect, Driver and DSN are what once.SQL and sql.Open take.
	Dialect, Driver, DSN string
	// Address is its host and port, as in the DSN.
	Address string

	dir     string
	command []string
	first   [2]string // a data source name and a statement there, which is done when the server answers
	process *os.Process
	ended   chan struct{}
}

// startTimeout is ample: after a kill a server first recovers.
const startTimeout = 2 * time.Minute

// Start starts the server and returns when it answers.
func (s *Server) Start() error {
	err := s.run()
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if err = s.ping(); err == nil {
			return nil
		}
		select {
		case <-s.ended: // what is left of the server that was killed still holds its data
			if err := s.run(); err != nil {
				return err
			}
		default:
		}
	}
	s.Kill()
	return fmt.Errorf("%s does not answer: %w; its log is in %s", s.command[0], err, s.dir)
}

func (s *Server) ping() error {
	db, err := sql.Open(s.Driver, s.first[0])
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec(s.first[1])
	return err
}

func (s *Server) run() error {
	cmd, log, err := asOrdinaryUser(s.dir, s.command...)
	if err != nil {
		return err
	}
	defer log.Close()
	s.ended, err = Run(cmd)
	s.process = cmd.Process
	return err
}

// Run starts a command from a thread that waits for it, and returns what is closed when it has ended: the kernel kills the
// process when that thread ends, however this one ends.
func Run(cmd *exec.Cmd) (ended chan struct{}, err error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	started, ended := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer close(ended)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	return ended, <-started
}

// Kill ends the server at once, as a power failure does for it, and returns when it has ended.
func (s *Server) Kill() {
	_ = s.process.Kill()
	<-s.ended
}

// Remove kills the server and removes its data.
func (s *Server) Remove() error {
	s.Kill()
	var err error
	for range 50 { // its other processes end a little later
		if err = os.RemoveAll(s.dir); err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}

// nobody is the ordinary user's number on every Linux: databases refuse to run as root.
const nobody = 65534

// asOrdinaryUser is a command that works in a directory of its own and writes to the log in it.
func asOrdinaryUser(dir string, command ...string) (*exec.Cmd, *os.File, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		if err := os.Chown(dir, nobody, nobody); err != nil {
			return nil, nil, err
		}
	}
	log, err := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir, "LC_ALL=C"}
	return cmd, log, err
}

// setUp runs a command to its end.
func setUp(dir string, command ...string) error {
	cmd, log, err := asOrdinaryUser(dir, command...)
	if err != nil {
		return err
	}
	defer log.Close()
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(log.Name())
		return fmt.Errorf("%s: %w: %s", command[0], err, text)
	}
	return nil
}

// freePort is one that was free a moment ago.
func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	return port, err
}

// program finds one by its name, in PATH or by a pattern.
func program(debianPackage string, candidates ...string) (string, error) {
	for _, candidate := range candidates {
		if path, err := exec.LookPath(candidate); err == nil {
			return path, nil
		}
		if found, _ := filepath.Glob(candidate); len(found) > 0 {
			return found[len(found)-1], nil
		}
	}
	return "", errors.New(candidates[0] + " is missing: apt-get install " + debianPackage)
}
