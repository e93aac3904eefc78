package once

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A purchase at each stage.
func stages() map[State]Purchase {
	return map[State]Purchase{
		unclaimed:         {},
		StatePreparing:    {State: StatePreparing},
		StateSending:      {State: StateSending},
		boughtUnnamed:     {State: StateBought, OrderID: "o"},
		StateBought:       {State: StateBought, InstanceID: "i"},
		StateNotPurchased: {State: StateNotPurchased},
	}
}

func TestNothingSendsButWhatIsPreparing(t *testing.T) {
	for stage, p := range stages() {
		err := p.apply(send)
		assert.Equal(t, stage == StatePreparing, err == nil, "%q", stage)
	}
}

func TestOnlyAnAnswerLeadsOutOfBought(t *testing.T) {
	for _, row := range machine {
		if row.from == StateBought {
			assert.Contains(t, []event{answer, disown}, row.on)
		}
	}
}

func TestAnAnswerIsPossibleAtEveryStage(t *testing.T) {
	for stage, p := range stages() {
		require.NoError(t, p.apply(answer), "%q", stage)
		assert.Equal(t, StateBought, p.State)
		assert.Equal(t, EvidenceAnswer, p.Evidence)
	}
}

func TestEachRowIsOneChange(t *testing.T) {
	type change struct {
		from State
		on   event
	}
	seen := map[change]bool{}
	for _, row := range machine {
		assert.False(t, seen[change{row.from, row.on}], "%v", row)
		seen[change{row.from, row.on}] = true
	}
}

func TestWhatNoRowAllowsChangesNothing(t *testing.T) {
	p := Purchase{Key: "a", State: StateNotPurchased, Evidence: EvidencePerson, Refusal: "r"}
	before := p
	assert.EqualError(t, p.apply(find), `find: key "a" is not_purchased`)
	assert.EqualError(t, (&Purchase{Key: "a"}).apply(find), `find: the journal has no key "a"`)
	assert.Equal(t, before, p)
}

func TestASettledPurchaseForgetsItsCandidates(t *testing.T) {
	p := Purchase{State: StateSending, Unknown: true, Candidates: []string{"a", "b"}}
	require.NoError(t, p.apply(sayNotPurchased))
	assert.Equal(t, Purchase{State: StateNotPurchased, Evidence: EvidencePerson}, p)
}

// The table in the documentation is this one, row for row.
func TestTheDocumentedTableIsTheMachine(t *testing.T) {
	text, err := os.ReadFile("../docs/once.md")
	require.NoError(t, err)
	names := map[string]State{
		"no such key": unclaimed, "`preparing`": StatePreparing, "`sending`": StateSending, "`bought`": StateBought,
		"`not_purchased`": StateNotPurchased, "`bought`, no instance id": boughtUnnamed,
	}
	var documented []string
	for _, cells := range regexp.MustCompile(`(?m)^\| ([^|]+) \| \*\*([a-z ]+)\*\*[^|]*\| ([^|]+) \| ([^|]*)\|$`).FindAllStringSubmatch(string(text), -1) {
		evidence := strings.TrimSpace(cells[4])
		if evidence == "as it was" {
			evidence = string(same)
		}
		documented = append(documented, fmt.Sprintf("%s %s %s %s", names[cells[1]], cells[2], names[cells[3]], evidence))
	}
	var rows []string
	for _, row := range machine {
		rows = append(rows, fmt.Sprintf("%s %s %s %s", row.from, row.on, row.to, row.by))
	}
	assert.Equal(t, rows, documented)
}
