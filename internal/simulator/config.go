package simulator

import "time"

// The key that a Simulator knows when Config names none.
const (
	DefaultAccessKeyID     = "simulator-access-key"
	DefaultSecretAccessKey = "simulator-secret-key"
)

// What a Simulator has to sell and to spend when Config does not say.
const (
	DefaultStock         = 1_000_000_000             // replicas
	DefaultBalance int64 = 1_000_000_000_000_000_000 // fen
)

// Config says what a Simulator knows and how it misbehaves. The zero value has
// the default key, ample stock and balance, the real clock and no faults.
type Config struct {
	// Keys are the access keys known. Nil means the default one, with FullControl.
	Keys []Key
	// Stock is the number of replicas that can be sold. 0 means DefaultStock,
	// a negative number means that nothing is left.
	Stock int
	// Balance is in fen (1/100 CNY). 0 means DefaultBalance, a negative number
	// means that nothing is left.
	Balance int64
	// Now is the clock. Nil means time.Now. It must be safe for concurrent use.
	Now func() time.Time
	// StartsAfter is the time an instance is Creating before it is Running.
	// 0 means that it is Running at once.
	StartsAfter time.Duration
	// ListedAfter is the time by Now between an order and the first listing that
	// shows its instance. 0 means that the next listing does. The service's own
	// is not documented.
	ListedAfter time.Duration
	// ExpiryLeeway is how long by Now a signature is accepted after it expired. The
	// service's own is not documented.
	ExpiryLeeway time.Duration
	// Fault is asked at every purchase that is well signed, permitted and valid,
	// unless an injected fault waits. Nil means no faults. It must be safe for
	// concurrent use. A fault that is not Valid is answered with a 500.
	Fault func(Purchase) Fault
	// ReadFault is the same for DescribeComputeUnits.
	ReadFault func(Read) Fault
}

// Purchase is what Config.Fault learns about a purchase.
type Purchase struct {
	ServiceID     string
	ReplicasCount int
	PaymentTiming string
	Attempt       int // 1 for the first valid purchase for this service id, 2 for the second, …
}

// Read is what Config.ReadFault learns about a listing.
type Read struct {
	ServiceID     string
	PaymentTiming string // empty: both
	Attempt       int    // 1 for the first valid listing of this service id, 2 for the second, …
}

func (c Config) withDefaults() Config {
	if c.Keys == nil {
		c.Keys = []Key{{AccessKeyID: DefaultAccessKeyID, SecretAccessKey: DefaultSecretAccessKey}}
	}
	if c.Stock == 0 {
		c.Stock = DefaultStock
	}
	if c.Balance == 0 {
		c.Balance = DefaultBalance
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Stock, c.Balance = max(c.Stock, 0), max(c.Balance, 0)
	return c
}
