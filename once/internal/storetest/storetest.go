// Package storetest says what every store.Store must do.
package storetest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/once/internal/store"
)

// Test holds a store against the doc of store.Store. Each call of open returns an empty one, in the same database or not.
func Test(t *testing.T, open func(t *testing.T) store.Store) {
	for name, test := range map[string]func(*testing.T, store.Store){
		"NothingIsFoundInAnEmptyStore":             testEmpty,
		"WhatWasAddedIsFoundByEachColumn":          testAdd,
		"ATakenKeyServiceOrInstanceIsNotAdded":     testAddTaken,
		"OnlyTheVersionThatWasReadIsWrittenOver":   testReplace,
		"AWriteTakesAndFreesServiceAndInstance":    testReplaceFrees,
		"ATakenServiceOrInstanceIsNotTakenOver":    testReplaceTaken,
		"AnEmptyServiceOrInstanceIsNobodys":        testEmptyIsNone,
		"OpenRecordsComeTheLongestUnchangedFirst":  testOrder,
		"TheAgeIsSinceTheLastWrite":                testAge,
		"BytesAreComparedAsBytes":                  testBytes,
		"DataOfAnySizeIsKept":                      testData,
		"ManyValuesAtOnce":                         testMany,
		"WhatIsReadSharesNothing":                  testSharesNothing,
		"ADoneContextWritesNothing":                testDoneContext,
		"OneOfManyClaimsAKey":                      testClaimKey,
		"OneOfManyClaimsAService":                  testClaimService,
		"OneOfManyClaimsAnInstance":                testClaimInstance,
		"OneOfManyWritesOverAVersion":              testClaimVersion,
		"AServiceIsPassedOnFromKeyToKey":           testPassOn,
		"NoWriteIsLost":                            testNoWriteIsLost,
		"WhoeverGetsAnErrorReadsWhetherItWasDone":  func(t *testing.T, _ store.Store) { testCrashes(t, open) },
		"AWriteThatIsLateIsPreventedByALaterWrite": testLate,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// record is one with a version of its own; the rest is set by the test.
func record(key, version string) store.Record {
	return store.Record{Key: key, Version: version, State: "preparing", Data: []byte(`{"request":{"serviceId":"svc"}}`)}
}

func with(r store.Record, service, instance string) store.Record {
	r.OpenService, r.InstanceID = service, instance
	return r
}

func put(t *testing.T, s store.Store, version string, r store.Record) {
	t.Helper()
	done, err := s.Put(t.Context(), version, r)
	require.NoError(t, err)
	require.True(t, done, "write %q", r.Key)
}

// notPut is for a write that something is in the way of. MySQL says so by an error.
func notPut(t *testing.T, s store.Store, version string, r store.Record) {
	t.Helper()
	done, _ := s.Put(t.Context(), version, r)
	require.False(t, done, "write %q", r.Key)
}

func find(t *testing.T, s store.Store, column store.Column, values ...string) []store.Record {
	t.Helper()
	found, err := s.Find(t.Context(), column, values...)
	require.NoError(t, err)
	return found
}

// kept checks that a key has exactly this record, data as JSON.
func kept(t *testing.T, s store.Store, want store.Record) {
	t.Helper()
	found := find(t, s, store.Key, want.Key)
	require.Len(t, found, 1, "read %q", want.Key)
	got := found[0]
	require.JSONEq(t, string(want.Data), string(got.Data))
	want.Data, got.Data, want.Age, got.Age = nil, nil, 0, 0
	require.Equal(t, want, got)
}

// ownedBy checks which key has a service or an instance; "" is none.
func ownedBy(t *testing.T, s store.Store, column store.Column, value, key string) {
	t.Helper()
	var got string
	if found := find(t, s, column, value); len(found) > 0 {
		require.Len(t, found, 1)
		got = found[0].Key
	}
	require.Equal(t, key, got, "%s %q", column, value)
}

func absent(t *testing.T, s store.Store, key string) {
	t.Helper()
	ownedBy(t, s, store.Key, key, "")
}

func testEmpty(t *testing.T, s store.Store) {
	for _, column := range []store.Column{store.Key, store.OpenService, store.InstanceID} {
		ownedBy(t, s, column, "k", "")
		assert.Empty(t, find(t, s, column))
	}
	notPut(t, s, "v1", record("k", "v2"))
	absent(t, s, "k")
}

func testAdd(t *testing.T, s store.Store) {
	r := with(record("k", "v1"), "svc", "i-1")
	put(t, s, "", r)
	kept(t, s, r)
	ownedBy(t, s, store.OpenService, "svc", "k")
	ownedBy(t, s, store.InstanceID, "i-1", "k")
	assert.Len(t, find(t, s, store.OpenService), 1)
}

func testAddTaken(t *testing.T, s store.Store) {
	r := with(record("k", "v1"), "svc", "i-1")
	put(t, s, "", r)
	notPut(t, s, "", with(record("k", "v2"), "svc-2", "i-2"))
	notPut(t, s, "", with(record("k2", "v2"), "svc", "i-2"))
	notPut(t, s, "", with(record("k3", "v2"), "svc-2", "i-1"))
	kept(t, s, r)
	absent(t, s, "k2")
	absent(t, s, "k3")
	ownedBy(t, s, store.OpenService, "svc-2", "")
	ownedBy(t, s, store.InstanceID, "i-2", "")
}

func testReplace(t *testing.T, s store.Store) {
	put(t, s, "", with(record("k", "v1"), "svc", ""))
	second := with(record("k", "v2"), "svc", "i-1")
	second.State, second.Data = "bought", []byte(`{"orderId":"o-1"}`)
	for _, version := range []string{"v0", "v2", "", "V1"} {
		notPut(t, s, version, second)
	}
	put(t, s, "v1", second)
	kept(t, s, second)
	notPut(t, s, "v1", record("k", "v3"))
	notPut(t, s, "v2", record("other", "v3"))
	kept(t, s, second)
}

func testReplaceFrees(t *testing.T, s store.Store) {
	put(t, s, "", with(record("k", "v1"), "svc", "i-1"))
	put(t, s, "v1", with(record("k", "v2"), "svc", "i-1"))
	ownedBy(t, s, store.OpenService, "svc", "k")
	put(t, s, "v2", with(record("k", "v3"), "", "i-2"))
	ownedBy(t, s, store.OpenService, "svc", "")
	ownedBy(t, s, store.InstanceID, "i-1", "")
	put(t, s, "", with(record("k2", "w1"), "svc", "i-1"))
	ownedBy(t, s, store.OpenService, "svc", "k2")
	ownedBy(t, s, store.InstanceID, "i-1", "k2")
	ownedBy(t, s, store.InstanceID, "i-2", "k")
}

func testReplaceTaken(t *testing.T, s store.Store) {
	put(t, s, "", with(record("a", "v1"), "svc", "i-1"))
	b := with(record("b", "w1"), "svc-b", "i-b")
	put(t, s, "", b)
	notPut(t, s, "w1", with(record("b", "w2"), "svc", "i-b"))
	notPut(t, s, "w1", with(record("b", "w2"), "svc-b", "i-1"))
	kept(t, s, b)
	ownedBy(t, s, store.OpenService, "svc-b", "b")
}

func testEmptyIsNone(t *testing.T, s store.Store) {
	for i := range 3 {
		put(t, s, "", record(fmt.Sprint("k", i), "v"))
		put(t, s, "v", record(fmt.Sprint("k", i), "v2"))
	}
	ownedBy(t, s, store.OpenService, "", "")
	ownedBy(t, s, store.InstanceID, "", "")
	assert.Empty(t, find(t, s, store.OpenService))
}

func testOrder(t *testing.T, s store.Store) {
	for _, key := range []string{"b", "a", "c", "d"} {
		put(t, s, "", with(record(key, "v"), "svc-"+key, ""))
		time.Sleep(2 * time.Millisecond) // the resolution of a database's clock
	}
	put(t, s, "", record("settled", "v"))
	put(t, s, "v", with(record("b", "w"), "svc-b", ""))
	var keys []string
	for _, r := range find(t, s, store.OpenService) {
		keys = append(keys, r.Key)
	}
	assert.Equal(t, []string{"a", "c", "d", "b"}, keys)
}

func testAge(t *testing.T, s store.Store) {
	age := func() time.Duration { return find(t, s, store.Key, "k")[0].Age }
	put(t, s, "", record("k", "v1"))
	written := time.Now()
	time.Sleep(50 * time.Millisecond)
	assert.GreaterOrEqual(t, age(), 45*time.Millisecond)
	put(t, s, "v1", record("k", "v2"))
	assert.Less(t, age(), time.Since(written)-40*time.Millisecond)
}

func testMany(t *testing.T, s store.Store) {
	ids, want := []string{"I-1"}, 0
	for i := range 70 {
		id := fmt.Sprint("i-", i)
		if ids = append(ids, id); i%2 == 0 {
			want++
			put(t, s, "", with(record(fmt.Sprint("k-", i), "v"), "", id))
		}
	}
	for i := range 3000 {
		ids = append(ids, fmt.Sprint("nobody's-", i))
	}
	assert.Len(t, find(t, s, store.InstanceID, ids...), want)
}

func testSharesNothing(t *testing.T, s store.Store) {
	r, want := with(record("k", "v1"), "svc", ""), with(record("k", "v1"), "svc", "")
	put(t, s, "", r)
	copy(r.Data, "XXXX")
	kept(t, s, want)
	copy(find(t, s, store.OpenService)[0].Data, "XXXX")
	kept(t, s, want)
}

func testDoneContext(t *testing.T, s store.Store) {
	r := with(record("k", "v1"), "svc", "")
	put(t, s, "", r)
	done, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Put(done, "", record("k2", "v1"))
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.Put(done, "v1", record("k", "v2"))
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.Find(done, store.Key, "k")
	require.ErrorIs(t, err, context.Canceled)
	kept(t, s, r)
	absent(t, s, "k2")
}

// As a statement that its caller gave up.
func testLate(t *testing.T, s store.Store) {
	late := with(record("k", "late"), "svc", "i-1")
	put(t, s, "", record("k", "v1"))
	put(t, s, "v1", record("k", "v2"))
	notPut(t, s, "v1", late)
	notPut(t, s, "", late)
	kept(t, s, record("k", "v2"))
	ownedBy(t, s, store.OpenService, "svc", "")
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

func testBytes(t *testing.T, s store.Store) {
	for _, value := range distinct {
		r := with(record(value, value), value, value)
		r.Data = fmt.Appendf(nil, `{"value":"%x"}`, value)
		put(t, s, "", r)
		notPut(t, s, "", with(record(value, "v"), "", ""))
		notPut(t, s, "", with(record("free", "v"), value, ""))
		notPut(t, s, "", with(record("free", "v"), "", value))
	}
	assert.Len(t, find(t, s, store.InstanceID, distinct...), len(distinct))
	for i, value := range distinct {
		notPut(t, s, distinct[(i+1)%len(distinct)], record(value, "v"))
		r := with(record(value, value), value, value)
		r.Data = fmt.Appendf(nil, `{"value":"%x"}`, value)
		kept(t, s, r)
		ownedBy(t, s, store.OpenService, value, value)
		put(t, s, value, record(value, "settled"))
	}
}

func testData(t *testing.T, s store.Store) {
	for _, data := range []string{
		`0`, `""`, ` {} `, `{"a":"\u0000","b":"\ud800"}`, `{"quote":"'\\'"}`, "{\n\t\"a\" : [ ] }", `"é e\u0301 😀 购买 ` + "\u2028" + `"`,
	} {
		for _, size := range []int{0, 255, 65_536, 1 << 20} {
			r := record(fmt.Sprint(size, data), "v1")
			r.Data = []byte(`[` + strings.Repeat(data+`,`, size/(len(data)+1)) + data + `]`)
			put(t, s, "", r)
			kept(t, s, r)
		}
	}
}
