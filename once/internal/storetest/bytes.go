package storetest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/once/internal/store"
)

// distinct are strings of which some collation, padding, conversion or pattern takes two for one.
var distinct = []string{
	"a", "A", "a ", " a", "a  ", "a\t", "á", "a\u0301", "à", "ａ", "ä", "ae", "æ", "Æ",
	"ss", "ß", "ẞ", "i", "I", "ı", "İ", "0", "00", "0.0", "1", "1.0", "01", "1e0", "+1", "-0",
	"%", "_", "a%", "a_", "\\", "\\\\", "\\'", "'", "''", "\"", "`", "';--", "?", "$1", ":a", "@a", "a\\0", "\\x61",
	"😀", "😁", "👍", "👍🏽", "購入", "购入", "か", "カ", "が", "か\u3099", "ǆ", "ǅ", "\u200b", "a\u200b", "a\u00ad", "\u00a0", "\ufeff", "\ufffd", "\uffff",
	"\U0010ffff",
	"\x01endpoint", "\x7f", "\u0085", "null", "NULL", "Null", "true", "TRUE", "{}", "[]", "%s", "%00",
	"2026-01-02", "2026-01-02 00:00:00", "infinity", "nan", "NaN", "0x61", "a\r", "a\n", "a\r\n",
	strings.Repeat("k", 254), strings.Repeat("k", 255), strings.Repeat("k", 254) + "K", strings.Repeat("k", 254) + " ",
	strings.Repeat("😀", 63), strings.Repeat("😀", 63) + "abc",
}

func testBytes(t *testing.T, s store.Store) {
	for i, value := range distinct {
		r := with(record(value, version(value)), value, value)
		r.Data, _ = json.Marshal(map[string]any{"value": value, "i": i})
		insert(t, s, r)
		notInserted(t, s, with(record(value, "v"), "", ""))
		notInserted(t, s, with(record("free", "v"), value, ""))
		notInserted(t, s, with(record("free", "v"), "", value))
	}
	owners, err := s.Owners(t.Context(), distinct)
	require.NoError(t, err)
	require.Len(t, owners, len(distinct))
	for i, value := range distinct {
		r := with(record(value, version(value)), value, value)
		r.Data, _ = json.Marshal(map[string]any{"value": value, "i": i})
		kept(t, s, r)
		require.Equal(t, value, owners[value])
		closedBy(t, s, value, value)
		if other := version(distinct[(i+1)%len(distinct)]); other != r.Version {
			notReplaced(t, s, other, with(record(value, "v"), "", ""))
		}
		kept(t, s, r)
	}
	for _, value := range distinct {
		replace(t, s, version(value), with(record(value, "settled"), "", ""))
		closedBy(t, s, value, "")
		owner(t, s, value, "")
	}
}

// version is the value as a version, which is shorter.
func version(value string) string { return value[:min(len(value), 60)] }

func testData(t *testing.T, s store.Store) {
	for _, data := range []string{
		`0`, `""`, ` {} `, `{"a":"\u0000","b":"\ud800"}`, `{"b":1,"a":2,"a":3}`, `0.10`, `{"quote":"'\\'"}`,
		"{\n\t\"a\" : [ ] }", `"é e\u0301 😀 购买 ` + "\u2028" + `"`,
	} {
		for _, size := range []int{0, 255, 65_535, 65_536, 70_000, 1 << 20, 3 << 20} {
			if size > 255 && data != `0` {
				continue
			}
			r := record(fmt.Sprint(size, data), "v1")
			r.Data = []byte(`[` + strings.Repeat(data+`,`, size/(len(data)+1)) + data + `]`)
			insert(t, s, r)
			kept(t, s, r)
			again := r
			again.Version, again.Data = "v2", append([]byte(" "), r.Data...)
			replace(t, s, "v1", again)
			kept(t, s, again)
		}
	}
}
