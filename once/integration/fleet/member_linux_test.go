package fleet

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/qianfan-go/computeunit/once/internal/proof/model"
)

// The test's binary is also that of the buyers and of the service.
const (
	roleVariable  = "ONCE_FLEET_ROLE"
	placeVariable = "ONCE_FLEET_PLACE"
	seedVariable  = "ONCE_FLEET_SEED"
)

// process is this binary in another role. The kernel kills it when the test ends, however that ends.
type process struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Scanner
	ended chan struct{} // closed after the last line of out was read and the process is gone
}

// start runs a role; each line of its output goes to read, and after the last one ended is closed.
func start(environment []string, read func(line []byte)) (*process, error) {
	p := &process{ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // the process dies with the thread that started it
		defer close(p.ended)
		err := p.run(environment)
		started <- err
		if err != nil {
			return
		}
		for p.out.Scan() {
			read(p.out.Bytes())
		}
		_ = p.cmd.Wait()
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
	if err != nil {
		return err
	}
	p.out = bufio.NewScanner(out)
	return p.cmd.Start()
}

func (p *process) signal(s os.Signal) { _ = p.cmd.Process.Signal(s) }

// kill ends the process at once, and returns when it is gone and all that it said is read.
func (p *process) kill() {
	p.signal(os.Kill)
	<-p.ended
}

// end has the process end by itself.
func (p *process) end() {
	_ = p.in.Close()
	<-p.ended
}

// member is a buyer of the fleet: a process that is started again after it was killed.
type member struct {
	place    place
	ledger   *model.Ledger
	counters *counters

	chaos sync.Mutex // one thing happens to it at a time

	mu         sync.Mutex
	process    *process // nil while there is none
	jobs       map[int]chan *answer
	outOfOrder error // what it said and nobody expected
}

func (m *member) start() error {
	where, err := json.Marshal(m.place)
	if err != nil {
		return err
	}
	p, err := start([]string{roleVariable + "=buyer", placeVariable + "=" + string(where)}, m.heard)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.process, m.jobs = p, map[int]chan *answer{}
	return nil
}

// heard is called for each line. The last line of one that was killed may be cut off.
func (m *member) heard(text []byte) {
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return
	}
	if l.Expired {
		m.counters.expired.Add(1)
		return
	}
	if l.Answer == nil {
		m.ledger.Sent(l.RequestID, model.Attempt{Key: l.Key, Call: l.Job, At: time.Now().UnixNano()})
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.jobs[l.Job] == nil {
		m.outOfOrder = fmt.Errorf("an answer to no job: %s", text)
		return
	}
	m.jobs[l.Job] <- l.Answer
	delete(m.jobs, l.Job)
}

// kill ends the process; whoever waits for it gets no answer.
func (m *member) kill() { m.end(false) }

// end ends the process, at once or by a shutdown.
func (m *member) end(gently bool) {
	m.mu.Lock()
	p := m.process
	m.process = nil
	m.mu.Unlock()
	if p == nil {
		return
	}
	if gently {
		p.end()
	} else {
		p.kill()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, waiting := range m.jobs {
		close(waiting)
	}
	m.jobs = nil
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
func (m *member) do(j job) (*answer, bool) {
	waiting := make(chan *answer, 1)
	text, err := json.Marshal(j)
	if err != nil {
		panic(err)
	}
	m.mu.Lock()
	p := m.process
	if p == nil {
		m.mu.Unlock()
		return nil, false
	}
	m.jobs[j.ID] = waiting
	m.mu.Unlock()
	_, _ = fmt.Fprintf(p.in, "%s\n", text) // one that is killed now answers no more
	return <-waiting, true
}

// service is the service's process, as the test controls it.
type service struct {
	process           *process
	endpoint, control string
}

func startService(seed uint64) (*service, error) {
	addresses := make(chan string, 1)
	p, err := start([]string{roleVariable + "=service", fmt.Sprintf("%s=%d", seedVariable, seed)}, func(line []byte) {
		select {
		case addresses <- string(line):
		default:
		}
	})
	if err != nil {
		return nil, err
	}
	select {
	case both := <-addresses:
		endpoint, control, _ := strings.Cut(both, " ")
		return &service{p, endpoint, control}, nil
	case <-p.ended:
		return nil, fmt.Errorf("the service ended at its start")
	case <-time.After(time.Minute):
		return nil, fmt.Errorf("the service does not start")
	}
}
