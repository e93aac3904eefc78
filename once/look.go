package once

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// betweenLooks is the time between the two listings that a candidate has to be in.
const betweenLooks = time.Second

// look lists the service of a purchase that was sent, and settles it if the listing does. It never sends. Idle means that
// nobody is at work on it any more. An error means that it could not look.
func (b *Buyer) look(ctx context.Context, r record, idle bool) (record, error) {
	r, err := b.lookOnce(ctx, r, idle)
	if err != nil || !r.isOpen() || len(r.Candidates) != 1 {
		return r, err
	}
	if err := pause(ctx, betweenLooks); err != nil {
		return r, err
	}
	return b.lookOnce(ctx, r, idle)
}

func (b *Buyer) lookOnce(ctx context.Context, r record, idle bool) (record, error) {
	r, err := b.regain(ctx, r)
	if errors.Is(err, errLost) {
		return r, nil // what it has become is not looked at now
	}
	if err != nil {
		return r, err
	}
	if r.Before.Date.IsZero() {
		return r, fmt.Errorf("key %q has no listing from before its attempt: a person has to settle it", r.Key)
	}
	listed, err := b.list(ctx, r.Request.ServiceID)
	if err != nil {
		return r, err
	}
	unowned, err := b.unowned(ctx, r, listed.Result.Instances)
	if err != nil {
		return r, err
	}
	return b.seen(ctx, r, fitting(unowned, r.Request), listed.Date, idle)
}

// seen writes down what a listing showed, if it says something new.
func (b *Buyer) seen(ctx context.Context, r record, listed []string, date time.Time, idle bool) (record, error) {
	candidates, err := b.withEarlier(ctx, r, listed)
	if err != nil {
		return r, err
	}
	settles := len(listed) == 1 && slices.Equal(candidates, listed) && slices.Equal(r.Candidates, listed)
	news := !slices.Equal(candidates, r.Candidates) || idle && r.State == StateSending && !r.Unknown
	if !settles && !news {
		return r, nil
	}
	looked, err := b.write(ctx, r, func(next *record) error {
		if next.version != r.version { // what was listed is about the purchase as it was
			return errLost
		}
		if settles {
			return next.found(candidates[0])
		}
		return next.saw(candidates, date, idle)
	})
	if errors.Is(err, errLost) || errors.Is(err, errTaken) { // the instance may have become another key's
		return looked, nil
	}
	if err == nil && settles {
		b.log(ctx, slog.LevelWarn, "settled", looked, nil)
	}
	return looked, err
}

// found takes the only candidate of two listings in a row.
func (p *Purchase) found(instanceID string) error {
	ordered := p.State == StateBought
	if err := p.apply(find); err != nil {
		return err
	}
	if ordered {
		p.NamedBy = EvidenceListing
	}
	p.InstanceID = instanceID
	p.forget()
	return nil
}

func (p *Purchase) saw(candidates []string, date time.Time, idle bool) error {
	if err := p.apply(see); err != nil {
		return err
	}
	first := len(p.Candidates) == 0 || len(candidates) > 0 && candidates[0] != p.Candidates[0]
	p.Candidates, p.Unknown = candidates, p.Unknown || idle && p.State == StateSending
	switch {
	case len(candidates) == 0:
		p.ListedWithin = 0
	case first && !date.IsZero():
		p.ListedWithin = date.Sub(p.Before.Date)
	}
	return nil
}

// keepLag forgets how long it took to be listed if what was listed is another instance than the one that is named.
func (p *Purchase) keepLag(instanceID string, candidates []string) {
	if instanceID != "" && instanceID != p.InstanceID && !slices.Equal(candidates, []string{instanceID}) {
		p.ListedWithin = 0
	}
}

var errParked = errors.New("its service is closed by another purchase, which has to be settled first")

// regain closes its own service again for a purchase that was opened again (rule 7). Until it has, no listing can settle
// it: what is new may be the other purchase's.
func (b *Buyer) regain(ctx context.Context, r record) (record, error) {
	if r.service != parked(r.Key) {
		return r, nil
	}
	regained, err := b.write(ctx, r, func(next *record) error {
		if next.version != r.version {
			return errLost
		}
		next.service = serviceOf(next.Request)
		return nil
	})
	if errors.Is(err, errTaken) {
		return r, fmt.Errorf("key %q: %w", r.Key, errParked)
	}
	return regained, err
}
