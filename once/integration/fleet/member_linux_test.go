package fleet

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
)

// The test's binary is also that of the buyers and of the service.
const (
	roleVariable  = "ONCE_FLEET_ROLE"
	placeVariable = "ONCE_FLEET_PLACE"
	seedVariable  = "ONCE_FLEET_SEED"
)

// process is this binary in another role, which serves. The kernel kills it when the test ends, however that ends.
type process struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	urls  []string // where it serves
	ended chan struct{}
}

// start runs a role, and returns when it has said where it serves.
func start(environment ...string) (*process, error) {
	p := &process{ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // the process dies with the thread that started it
		defer close(p.ended)
		err := p.run(environment)
		started <- err
		if err == nil {
			_ = p.cmd.Wait()
		}
	}()
	return p, <-started
}

func (p *process) run(environment []string) (err error) {
	p.cmd = exec.Command(os.Args[0])
	p.cmd.Env = append(os.Environ(), environment...)
	p.cmd.Stderr = os.Stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		return err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	p.urls = strings.Fields(line)
	return err
}

// serveUntilTold is the end of every role: it says where it serves, and ends with its input.
func serveUntilTold(urls ...string) {
	fmt.Println(strings.Join(urls, " "))
	_, _ = os.Stdin.Read(make([]byte, 1))
}

func (p *process) signal(s os.Signal) { _ = p.cmd.Process.Signal(s) }

// end has the process end by itself, or at once.
func (p *process) end(gently bool) {
	if gently {
		_ = p.in.Close()
	} else {
		p.signal(os.Kill)
	}
	<-p.ended
}

// member is a buyer of the fleet: a process that is started again after it was killed.
type member struct {
	place place
	chaos sync.Mutex // one thing happens to it at a time

	mu      sync.Mutex
	process *process // nil while there is none
}

func (m *member) start() error {
	where, err := json.Marshal(m.place)
	if err != nil {
		return err
	}
	p, err := start(roleVariable+"=buyer", placeVariable+"="+string(where))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.process = p
	return err
}

// end ends the process, at once or by a shutdown.
func (m *member) end(gently bool) {
	m.mu.Lock()
	p := m.process
	m.process = nil
	m.mu.Unlock()
	if p != nil {
		p.end(gently)
	}
}

// signal stops the process or lets it go on.
func (m *member) signal(s syscall.Signal) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.process != nil {
		m.process.signal(s)
	}
}

// do gives a job to the process and waits for its answer; nil if the process was killed, false if there is none now.
func (m *member) do(j job) (a *answer, asked bool) {
	m.mu.Lock()
	p := m.process
	m.mu.Unlock()
	if p == nil {
		return nil, false
	}
	if err := post(p.urls[0], j, &a); err != nil {
		return nil, true
	}
	return a, true
}

// unpooled asks each process on a connection of its own.
var unpooled = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// post sends JSON, and reads the answer into what is not nil.
func post(url string, what, into any) error {
	body, err := json.Marshal(what)
	if err != nil {
		return err
	}
	response, err := unpooled.Post(url, "application/json", io.NopCloser(bytes.NewReader(body))) // without GetBody it is sent once
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if into == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(into)
}
