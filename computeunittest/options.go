package computeunittest

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/qianfan-go/computeunit"
)

// ownKey is what a server knows if it is told nothing else.
var ownKey = computeunit.Credentials{AccessKeyID: "simulator-access-key", SecretAccessKey: "simulator-secret-key"}

type settings struct {
	addr          string // empty: any, or in memory
	keys          []computeunit.Credentials
	stock         int
	balance       int64
	startDelay    time.Duration
	listingLag    time.Duration
	now           func() time.Time
	purchaseFault func(Purchase) Fault
	listingFault  func(Listing) Fault
}

func newSettings(options []Option) settings {
	s := settings{
		stock: 1_000_000_000, balance: 1_000_000_000_000_000_000, now: time.Now,
		purchaseFault: func(Purchase) Fault { return Fault{} },
		listingFault:  func(Listing) Fault { return Fault{} },
	}
	for _, option := range options {
		option(&s)
	}
	if s.now == nil || s.purchaseFault == nil || s.listingFault == nil {
		panic("computeunittest: a clock, or what is asked for faults, is nil")
	}
	if len(s.keys) == 0 {
		s.keys = []computeunit.Credentials{ownKey}
	}
	return s
}

// Option changes a default of [NewServer].
type Option func(*settings)

// WithStock is how many replicas there are to buy. The default is ample; 0 or less means none.
func WithStock(replicas int) Option {
	return func(s *settings) { s.stock = replicas }
}

// WithBalance is what there is to spend, in fen (1/100 CNY). The default is ample; 0 or less means nothing. See
// [Order] for prices.
func WithBalance(fen int64) Option {
	return func(s *settings) { s.balance = fen }
}

// WithKeys are the access keys that the server knows. With a SessionToken, every request must carry and sign it. The
// default is one key of the server's own. [Server.Client] signs with the first.
func WithKeys(keys ...computeunit.Credentials) Option {
	return func(s *settings) { s.keys = keys }
}

// WithStartDelay is how long an instance is Creating before it is Running. The default is 0. The service's own time is
// not documented.
func WithStartDelay(delay time.Duration) Option {
	return func(s *settings) { s.startDelay = delay }
}

// WithListingLag is how long after an order its instance is listed. The default is 0. The service's own time is not
// documented.
func WithListingLag(lag time.Duration) Option {
	return func(s *settings) { s.listingLag = lag }
}

// WithClock is the server's clock, for signatures, for Date headers, and for WithStartDelay and WithListingLag. It must
// be safe for concurrent use. The default is time.Now.
func WithClock(now func() time.Time) Option {
	return func(s *settings) { s.now = now }
}

// WithAddr is the address to listen on: a loopback IP address and a port. The default is 127.0.0.1:0,
// any free port, or none in a testing/synctest bubble.
func WithAddr(addr string) Option {
	return func(s *settings) {
		parsed, err := netip.ParseAddrPort(addr) // no names: they mean what the machine's hosts file says
		if err != nil || !parsed.Addr().IsLoopback() {
			panic(fmt.Sprintf("computeunittest: %q is not a loopback IP address with a port", addr))
		}
		s.addr = addr
	}
}

// Purchase is what WithPurchaseFaults is asked about.
type Purchase struct {
	ServiceID     string
	PaymentTiming computeunit.PaymentTiming
	ReplicasCount int
	Attempt       int // 1 for the first valid purchase for this service id, 2 for the second, …
}

// WithPurchaseFaults is asked for the fault of every purchase that is signed, permitted and valid, unless
// [Server.NextPurchases] has one for it. It must be safe for concurrent use. A fault that cannot be (see
// [Fault.AfterOrder]) is answered with a 500.
func WithPurchaseFaults(fault func(Purchase) Fault) Option {
	return func(s *settings) { s.purchaseFault = fault }
}

// Listing is what WithListingFaults is asked about.
type Listing struct {
	ServiceID     string
	PaymentTiming computeunit.PaymentTiming // empty: both
	Attempt       int                       // 1 for the first valid listing of this service id, 2 for the second, …
}

// WithListingFaults is WithPurchaseFaults for listings.
func WithListingFaults(fault func(Listing) Fault) Option {
	return func(s *settings) { s.listingFault = fault }
}
