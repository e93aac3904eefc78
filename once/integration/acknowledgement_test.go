package integration

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/internal/proof/model"
	"github.com/qianfan-go/computeunit/once"
)

// Each write of a purchase does not arrive, or it does and its acknowledgement is lost, or the answer to a read is: the
// connection is cut, and the purchase goes on with another one.
func TestAStatementThatIsCutIsFoundOut(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		d.empty(t)
		service := &model.Service{}
		for at := 1; ; at++ {
			n := 0
			for _, arrives := range []bool{false, true} {
				n = 0
				buyer := buyerOn(t, cutAt(t, d, at, arrives, &n), service)
				key := "key-" + string(rune('a'+at)) + map[bool]string{true: "-arrives"}[arrives]
				bought, err := buyer.Buy(t.Context(), key, prepaid(key))
				if n >= at && err != nil { // the first read: nothing is known
					require.ErrorIs(t, err, once.ErrPending)
					bought, err = buyer.Buy(t.Context(), key, prepaid(key))
				}
				require.NoError(t, err)
				other, _ := process(t, d, service)
				kept, _, err := other.Lookup(t.Context(), key)
				require.NoError(t, err)
				assert.Equal(t, bought, kept)
				require.NoError(t, buyer.Shutdown(t.Context()))
			}
			if n < at {
				assert.Greater(t, at, 4, "a read and three writes")
				return
			}
		}
	})
}

// cutAt is a journal of which one statement is cut. The number of statements is in n.
func cutAt(t *testing.T, d database, at int, arrives bool, n *int) once.Journal {
	d.journalIn(t, d.open(t))
	pool := d.watch(t, func(ctx context.Context, _ string, do func(context.Context) error) error {
		if *n++; *n != at {
			return do(ctx)
		}
		if arrives {
			_ = do(ctx)
		}
		return errors.New("the connection was cut")
	})
	journal, err := once.SQL(pool, once.Dialect(d.dialect))
	require.NoError(t, err)
	return journal
}
