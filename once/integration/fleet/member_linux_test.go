package fleet

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"

	"github.com/qianfan-go/computeunit/once/integration/servers"
)

// placeVariable makes the test's binary that of a buyer.
const placeVariable = "ONCE_FLEET_PLACE"

// process is a buyer, which serves. The kernel kills it when the test ends, however that ends.
type process struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	url   string // where it serves
	ended chan struct{}
}

// start returns when the process has said where it serves.
func start(at place) (*process, error) {
	where, err := json.Marshal(at)
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), placeVariable+"="+string(where))
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		p.ended, err = servers.Run(p.cmd)
	}
	if err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	p.url = strings.TrimSpace(line)
	return p, err
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
	p, err := start(m.place)
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

// do gives a job to the process and waits for its answer; nil if the process was killed, or there is none now.
func (m *member) do(j job) (a *answer) {
	m.mu.Lock()
	p := m.process
	m.mu.Unlock()
	if p == nil || post(p.url, j, &a) != nil {
		return nil
	}
	return a
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
