// Package storetest says what every store.Store must do.
package storetest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/once/internal/store"
)

// Test holds a store against the doc of store.Store. Each call of open returns an empty one, in the same database or not.
func Test(t *testing.T, open func(t *testing.T) store.Store) {
	for name, test := range map[string]func(suite){
		"ATakenKeyServiceOrInstanceIsNotTaken":   suite.testTaken,
		"OnlyTheVersionThatWasReadIsWrittenOver": suite.testReplace,
		"AWriteTakesAndFreesServiceAndInstance":  suite.testReplaceFrees,
		"WhatIsOpenIsFoundWithoutAValue":         suite.testOpen,
		"TheAgeIsSinceTheLastWrite":              suite.testAge,
		"BytesAreComparedAsBytes":                suite.testBytes,
		"DataOfAnySizeIsKept":                    suite.testData,
		"ManyValuesAtOnce":                       suite.testMany,
		"WhatIsReadSharesNothing":                suite.testSharesNothing,
		"ADoneContextWritesNothing":              suite.testDoneContext,
		"OneOfManyClaims":                        suite.testClaim,
	} {
		t.Run(name, func(t *testing.T) { test(suite{require.New(t), t, open(t)}) })
	}
}

// suite is one test and its store.
type suite struct {
	*require.Assertions
	t *testing.T
	store.Store
}

// record is one with a version of its own; the rest is set by the test.
func record(key, version string) store.Record {
	return store.Record{Key: key, Version: version, State: "preparing", Data: []byte(`{"request":{"serviceId":"svc"}}`)}
}

func with(r store.Record, service, instance string) store.Record {
	r.OpenService, r.InstanceID = service, instance
	return r
}

func (s suite) put(version string, r store.Record) {
	s.t.Helper()
	done, err := s.Put(s.t.Context(), version, r)
	s.NoError(err)
	s.True(done, "write %q", r.Key)
}

// notPut is for a write that something is in the way of. MySQL says so by an error.
func (s suite) notPut(version string, r store.Record) {
	s.t.Helper()
	done, _ := s.Put(s.t.Context(), version, r)
	s.False(done, "write %q", r.Key)
}

func (s suite) find(column store.Column, values ...string) []store.Record {
	s.t.Helper()
	found, err := s.Find(s.t.Context(), column, values...)
	s.NoError(err)
	return found
}

// kept checks that a key has exactly this record, data as JSON.
func (s suite) kept(want store.Record) {
	s.t.Helper()
	found := s.find(store.Key, want.Key)
	s.Len(found, 1, "read %q", want.Key)
	got := found[0]
	s.JSONEq(string(want.Data), string(got.Data))
	want.Data, got.Data, want.Age, got.Age = nil, nil, 0, 0
	s.Equal(want, got)
}

// ownedBy checks which key has a service or an instance; "" is none.
func (s suite) ownedBy(column store.Column, value, key string) {
	s.t.Helper()
	var got string
	if found := s.find(column, value); len(found) > 0 {
		s.Len(found, 1)
		got = found[0].Key
	}
	s.Equal(key, got, "%s %q", column, value)
}

func (s suite) testTaken() {
	a, b := with(record("a", "v1"), "svc", "i-1"), with(record("b", "w1"), "svc-b", "i-b")
	s.put("", a)
	s.put("", b)
	s.notPut("", with(record("a", "v2"), "svc-2", "i-2"))
	s.notPut("w1", with(record("b", "w2"), "svc", "i-b"))
	s.notPut("w1", with(record("b", "w2"), "svc-b", "i-1"))
	s.kept(a)
	s.kept(b)
	s.ownedBy(store.OpenService, "svc-b", "b")
	s.ownedBy(store.OpenService, "svc-2", "")
	s.ownedBy(store.InstanceID, "i-2", "")
}

func (s suite) testReplace() {
	s.notPut("v0", record("k", "v1"))
	s.Empty(s.find(store.Key, "k"))
	s.put("", with(record("k", "v1"), "svc", ""))
	second := with(record("k", "v2"), "svc", "i-1")
	second.State, second.Data = "bought", []byte(`{"orderId":"o-1"}`)
	for _, version := range []string{"v0", "v2", "", "V1"} {
		s.notPut(version, second)
	}
	s.put("v1", second)
	s.kept(second)
	s.notPut("v1", with(record("k", "late"), "svc-2", "i-2")) // as a statement that its caller gave up
	s.notPut("v2", record("other", "v3"))
	s.kept(second)
}

func (s suite) testReplaceFrees() {
	s.put("", with(record("k", "v1"), "svc", "i-1"))
	s.put("v1", with(record("k", "v2"), "svc", "i-1"))
	s.ownedBy(store.OpenService, "svc", "k")
	s.put("v2", with(record("k", "v3"), "", "i-2"))
	s.ownedBy(store.OpenService, "svc", "")
	s.ownedBy(store.InstanceID, "i-1", "")
	s.put("", with(record("k2", "w1"), "svc", "i-1"))
	s.ownedBy(store.OpenService, "svc", "k2")
	s.ownedBy(store.InstanceID, "i-1", "k2")
	s.ownedBy(store.InstanceID, "i-2", "k")
}

func (s suite) testOpen() {
	for _, key := range []string{"b", "a"} {
		s.put("", with(record(key, "v"), "svc-"+key, ""))
	}
	s.put("", record("settled", "v"))
	s.put("v", with(record("b", "w"), "svc-b", ""))
	var keys []string
	for _, r := range s.find(store.OpenService) {
		keys = append(keys, r.Key)
	}
	s.ElementsMatch([]string{"a", "b"}, keys)
	s.ownedBy(store.OpenService, "", "") // what is empty is nobody's
	s.ownedBy(store.InstanceID, "", "")
}

func (s suite) testAge() {
	age := func() time.Duration { return s.find(store.Key, "k")[0].Age }
	s.put("", record("k", "v1"))
	written := time.Now()
	time.Sleep(50 * time.Millisecond)
	s.GreaterOrEqual(age(), 45*time.Millisecond)
	s.put("v1", record("k", "v2"))
	s.Less(age(), time.Since(written)-40*time.Millisecond)
}

func (s suite) testMany() {
	var ids []string
	for i := range 3000 {
		ids = append(ids, fmt.Sprint("i-", i))
	}
	s.put("", with(record("first", "v"), "", ids[0]))
	s.put("", with(record("last", "v"), "", ids[len(ids)-1]))
	s.Len(s.find(store.InstanceID, ids...), 2)
}

func (s suite) testSharesNothing() {
	r, want := with(record("k", "v1"), "svc", ""), with(record("k", "v1"), "svc", "")
	s.put("", r)
	copy(r.Data, "XXXX")
	s.kept(want)
	copy(s.find(store.OpenService)[0].Data, "XXXX")
	s.kept(want)
}

func (s suite) testDoneContext() {
	r := with(record("k", "v1"), "svc", "")
	s.put("", r)
	done, cancel := context.WithCancel(s.t.Context())
	cancel()
	_, err := s.Put(done, "", record("k2", "v1"))
	s.ErrorIs(err, context.Canceled)
	_, err = s.Put(done, "v1", record("k", "v2"))
	s.ErrorIs(err, context.Canceled)
	_, err = s.Find(done, store.Key, "k")
	s.ErrorIs(err, context.Canceled)
	s.kept(r)
	s.Empty(s.find(store.Key, "k2"))
}

// distinct are strings of which some collation, padding, conversion or pattern takes two for one.
var distinct = []string{
	"a", "A", "a ", " a", "a  ", "a\t", "á", "a\u0301", "à", "ａ", "ä", "ae", "æ", "Æ", "Ã¡", "\\u00e1", "\\u00E1", "u00e1",
	"ss", "ß", "i", "I", "ı", "İ", "0", "00", "0.0", "1", "1.0", "01", "1e0", "+1", "-0",
	"%", "_", "a%", "a_", "\\", "\\\\", "\\'", "'", "''", "\"", "`", "';--", "?", "$1", ":a", "@a", "a\\0", "\\x61",
	"😀", "😁", "👍🏽", "購入", "购入", "か", "カ", "が", "か\u3099", "\u200b", "a\u200b", "a\u00ad", "\u00a0", "\ufeff", "\ufffd", "\U0010ffff",
	"\x01endpoint", "\x7f", "\u0085", "null", "NULL", "true", "{}", "[]", "%s", "%00", "2026-01-02", "2026-01-02 00:00:00", "nan", "a\r", "a\n",
	strings.Repeat("k", 254), strings.Repeat("k", 255), strings.Repeat("k", 254) + "K", strings.Repeat("k", 254) + " ",
	strings.Repeat("\\", 255), strings.Repeat("é", 127), strings.Repeat("😀", 63) + "abc",
}

func (s suite) testBytes() {
	for _, column := range []store.Column{store.Key, store.OpenService, store.InstanceID} {
		s.Empty(s.find(column))
		s.Empty(s.find(column, distinct...))
	}
	for _, value := range distinct {
		r := with(record(value, value), value, value)
		r.Data = fmt.Appendf(nil, `{"value":"%x"}`, value)
		s.put("", r)
		s.notPut("", with(record(value, "v"), "", ""))
		s.notPut("", with(record("free", "v"), value, ""))
		s.notPut("", with(record("free", "v"), "", value))
	}
	s.Empty(s.find(store.Key, "free"))
	s.Len(s.find(store.InstanceID, distinct...), len(distinct))
	s.Len(s.find(store.OpenService), len(distinct))
	for i, value := range distinct {
		s.notPut(distinct[(i+1)%len(distinct)], record(value, "v"))
		r := with(record(value, value), value, value)
		r.Data = fmt.Appendf(nil, `{"value":"%x"}`, value)
		s.kept(r)
		s.ownedBy(store.OpenService, value, value)
		s.put(value, record(value, "settled"))
	}
}

func (s suite) testData() {
	for _, data := range []string{
		`0`, `""`, ` {} `, `{"a":"\u0000","b":"\ud800"}`, `{"quote":"'\\'"}`, "{\n\t\"a\" : [ ] }", `"é e\u0301 😀 购买 ` + "\u2028" + `"`,
	} {
		for _, size := range []int{0, 255, 65_536, 1 << 20} {
			r := record(fmt.Sprint(size, data), "v1")
			r.Data = []byte(`[` + strings.Repeat(data+`,`, size/(len(data)+1)) + data + `]`)
			s.put("", r)
			s.kept(r)
		}
	}
}
