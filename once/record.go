package once

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/once/internal/store"
)

// record is a purchase with what the journal keeps beside it.
type record struct {
	Purchase
	beside
	version string        // empty if the journal has no such key
	service string        // what it keeps closed while it is open
	age     time.Duration // since it was written, by the journal's clock
}

// beside is what only this package reads.
type beside struct {
	// Claim is a random token of the Buy that has the key in its hands. Each of its writes requires it (rule 4).
	Claim string `json:"claim,omitempty"`
	// TimeoutMS is how long an attempt of that Buy can take, in milliseconds.
	TimeoutMS int64 `json:"timeoutMs,omitempty"`
	// Retryable means that it can help to call Buy again after the Refusal.
	Retryable bool `json:"retryable,omitempty"`
	// Reported means that it was logged once that a look has not settled it.
	Reported bool `json:"reported,omitempty"`
}

// format is the version of the JSON of a record.
const format = 1

type document struct {
	Format int `json:"format"`
	beside
	Purchase
}

var (
	// errLost means that somebody else has changed the record.
	errLost = errors.New("another Buyer has changed the purchase: look again")
	// errTaken means that the service, or the instance, is another record's.
	errTaken = errors.New("the service or the instance belongs to another key")
	// errLater means a record that this version of the package leaves alone.
	errLater = errors.New("a later version of this package wrote the record: use that version")
	// errEdited means a record that this package did not write so, or that a column has changed.
	errEdited = errors.New("the record is none of a purchase")
	// errDeleted means that a row is gone whose key this call has seen.
	errDeleted = errors.New("the record was deleted from the journal")
	// errUnexplained means that the statement changes no row again and again.
	errUnexplained = errors.New("nothing is in its way: another connection of the pool may have settings that are refused")
)

func (b *Buyer) decode(row store.Record) (record, error) {
	var d document
	err := json.Unmarshal(row.Data, &d)
	r := record{Purchase: d.Purchase, beside: d.beside, version: row.Version, service: row.OpenService, age: row.Age}
	r.Key, r.State, r.InstanceID = row.Key, State(row.State), row.InstanceID // which the constraints hold
	switch {
	case err != nil || d.Format != format:
		return r, join(fmt.Errorf("key %q: %w", row.Key, errLater), err)
	case !r.isKnown(): // a state that is not known would be free to buy
		return r, fmt.Errorf("key %q: %w: state %q, instance %q, order %q", row.Key, errEdited, r.State, r.InstanceID, r.OrderID)
	}
	r.Unknown = r.Unknown || r.State == StateSending && r.isUnchangedFor(time.Duration(r.TimeoutMS)*time.Millisecond)
	return r, nil
}

// isUnchangedFor also holds if the journal's clock was put back. It decides who does the work, and never what is true.
func (r *record) isUnchangedFor(d time.Duration) bool { return r.age >= d || r.age <= -d }

func (b *Buyer) encode(r *record, version string) (row store.Record, err error) {
	if r.service = cmp.Or(r.service, serviceOf(r.Request)); !r.Open() {
		r.service = ""
	}
	r.version, r.age, r.Refusal = version, 0, strings.ToValidUTF8(r.Refusal, "?") // as JSON has it
	row = store.Record{Key: r.Key, Version: version, OpenService: r.service, InstanceID: r.InstanceID, State: string(r.State)}
	row.Data, err = json.Marshal(document{format, r.beside, r.Purchase})
	return row, err
}

// newVersion is random: a counter would start again after a row was deleted.
func newVersion() string { return rand.Text() }

// serviceOf is the service as rule 1 compares it. Closing too much is safe.
func serviceOf(request computeunit.PurchaseComputeUnitRequest) string {
	return strings.ToLower(strings.TrimSpace(request.ServiceID))
}

// parked keeps a purchase open whose service another one keeps closed. No service begins with a space.
func parked(key string) string {
	sum := sha256.Sum256([]byte(key))
	return " " + hex.EncodeToString(sum[:])
}

const most = 255 // bytes of a key, a service, and an id

func checkKey(key string) error {
	if key == "" || len(key) > most || !utf8.ValidString(key) || strings.ContainsFunc(key, unicode.IsControl) {
		return invalid("key", key, fmt.Sprintf("must have 1 to %d bytes of UTF-8 without control characters", most))
	}
	return nil
}

// checkRequest refuses what is not sent, or what no journal can keep closed.
func checkRequest(request computeunit.PurchaseComputeUnitRequest) error {
	if service := serviceOf(request); len(service) > most || strings.ContainsRune(service, 0) {
		return invalid("serviceId", request.ServiceID, fmt.Sprintf("must have at most %d bytes, and no NUL", most))
	}
	return request.Validate()
}

func invalid(path, value, rule string) error {
	return &computeunit.ValidationError{Violations: []computeunit.Violation{{Path: path, Rule: rule, Value: strconv.Quote(value)}}}
}

// journalTimeout limits one write, with all its tries.
const journalTimeout = 10 * time.Second

// journalContext ends by its own limit and not with the caller (rule 9): a caller that disconnects must not leave a
// record that says less than is known.
func journalContext(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), journalTimeout)
}

// lookup returns the record of a key, without a version if there is none. The same statement reads the journal's own record,
// until that is known to fit: only ChangeEndpoint changes it. The error is errEndpoint if only that does not.
func (b *Buyer) lookup(ctx context.Context, key string) (r record, err error) {
	if ctx == nil {
		return r, errNoContext
	}
	keys := []string{key, endpointKey}
	if b.isOurs.Load() {
		keys = keys[:1]
	}
	rows, err := b.store.Find(ctx, store.Key, keys...)
	if err != nil {
		return r, again(fmt.Errorf("reading the journal: %w", err))
	}
	other := error(nil)
	for _, row := range rows {
		if row.Key == endpointKey {
			other = checkEndpoint(row, b.client.Endpoint())
			b.isOurs.Store(other == nil)
		} else if r, err = b.decode(row); err != nil {
			return r, err
		}
	}
	return r, other
}

// keepEndpoint makes the journal the client's endpoint's if it is nobody's.
func (b *Buyer) keepEndpoint(ctx context.Context) error {
	if _, err := b.lookup(ctx, endpointKey); err != nil || b.isOurs.Load() {
		return err
	}
	_, failed := b.store.Put(ctx, "", endpointRow(b.client.Endpoint()))
	_, err := b.lookup(ctx, endpointKey)
	if err == nil && !b.isOurs.Load() {
		err = fmt.Errorf("writing the journal: %w", cmp.Or(failed, errUnexplained))
	}
	return err
}

// owner returns the record of whoever has a service or an instance. It has no version if nobody does.
func (b *Buyer) owner(ctx context.Context, column store.Column, value string) (record, error) {
	rows, err := b.store.Find(ctx, column, value)
	switch {
	case err != nil:
		return record{}, again(fmt.Errorf("reading the journal: %w", err))
	case len(rows) == 0:
		return record{}, nil
	default:
		return b.decode(rows[0])
	}
}

// write makes a change of a record durable, by compare-and-swap (rule 4). If the record is not what r says any more, the
// change is asked again with what it has become; its error ends the write, and the record is then returned as it is.
// After a write that is not confirmed the journal is read: the new version in it means that it was done. It is written once more
// then, because what can be read need not be kept: while a synchronous standby is away, each write waits for it in vain.
func (b *Buyer) write(ctx context.Context, r record, change func(next *record) error) (record, error) {
	ctx, cancel := journalContext(ctx)
	defer cancel()
	version, last, written, began := newVersion(), error(nil), false, time.Now()
	for wait := firstPause; ; wait = min(2*wait, lastPause) {
		next := r
		if !written {
			if err := change(&next); err != nil {
				return r, err
			}
		}
		row, err := b.encode(&next, version)
		if err != nil {
			return r, err
		}
		done, err := b.store.Put(ctx, r.version, row)
		if done {
			return next, nil
		}
		now, readErr := b.owner(ctx, store.Key, row.Key)
		switch last = cmp.Or(err, readErr, last); {
		case readErr == nil && now.version == version && written && time.Since(began) < lastPause:
			return now, nil
		case readErr == nil && now.version == version:
			r, version, written = now, newVersion(), true
		case readErr == nil && now.version != r.version:
			r, written = now, false
			r.Key = row.Key
			continue
		case readErr == nil && b.isTaken(ctx, row):
			return r, errTaken
		}
		if pause(ctx, wait) != nil {
			return r, again(fmt.Errorf("writing the journal: %w", cmp.Or(last, errUnexplained)))
		}
	}
}

// swap makes a change of a record durable, if it still is as it was read.
func (b *Buyer) swap(ctx context.Context, r record, change func(next *record)) (record, error) {
	return b.write(ctx, r, func(next *record) error {
		if next.version != r.version {
			return errLost
		}
		change(next)
		return nil
	})
}

// isTaken reports whether another key has the service or the instance: drivers have no common error for it.
func (b *Buyer) isTaken(ctx context.Context, row store.Record) bool {
	for _, column := range []store.Column{store.OpenService, store.InstanceID} {
		if value := row.Value(column); value != "" {
			owner, _ := b.owner(ctx, column, value) // also one whose format is later
			if owner.version != "" && owner.Key != row.Key {
				return true
			}
		}
	}
	return false
}

// The growing times between two looks at the journal.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 2 * time.Second
)

// pause waits, and returns the context's error if that ended first.
func pause(ctx context.Context, wait time.Duration) error {
	select {
	case <-time.After(wait):
	case <-ctx.Done():
	}
	return ctx.Err()
}
