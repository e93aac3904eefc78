package fleet

import (
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"
)

// pastTheFence is more than a signature's life and the margin.
const pastTheFence = 5*time.Minute + fenceMargin + 10*time.Second

// chaos goes on until stop is closed, and leaves everything running.
func (f *fleet) chaos(stop chan struct{}) {
	var going sync.WaitGroup
	defer going.Wait()
	for {
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(200+f.random.IntN(1200)) * time.Millisecond):
		}
		m := f.members[f.random.IntN(len(f.members))]
		long := time.Duration(f.random.IntN(3000)) * time.Millisecond
		switch n := f.random.IntN(100); {
		case n < 58:
			going.Go(func() { f.killMember(m) })
		case n < 88:
			going.Go(func() { f.stopMember(m, long, n < 73) })
		case n < 97 && f.proxy != nil:
			f.proxy.Cut()
			f.ledger.Count("connections cut")
		case n >= 97 && f.database != nil:
			f.killServer(long)
		}
	}
}

func (f *fleet) killMember(m *member) {
	m.chaos.Lock()
	defer m.chaos.Unlock()
	m.end(false)
	f.ledger.Count("processes killed")
	f.must(m.start())
}

// stopMember stops a process; past the fence, if the service's clock goes on meanwhile.
func (f *fleet) stopMember(m *member, long time.Duration, past bool) {
	m.chaos.Lock()
	defer m.chaos.Unlock()
	m.signal(syscall.SIGSTOP)
	defer m.signal(syscall.SIGCONT)
	f.ledger.Count("processes stopped")
	time.Sleep(long / 2)
	if past {
		f.service.jump()
		f.ledger.Count("processes stopped past the fence")
	}
	time.Sleep(long / 2)
}

func (f *fleet) killServer(long time.Duration) {
	f.database.Kill()
	f.ledger.Count("database servers killed")
	time.Sleep(long)
	f.must(f.database.Start())
}

// must ends the test at once: what fails here is not what is tested.
func (f *fleet) must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "fleet:", err)
		os.Exit(1)
	}
}
