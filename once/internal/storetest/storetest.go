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
		"NothingIsFoundInAnEmptyStore":              testEmpty,
		"WhatWasInsertedIsRead":                     testInsert,
		"ATakenKeyServiceOrInstanceIsNotInserted":   testInsertTaken,
		"OnlyTheVersionThatWasReadIsReplaced":       testReplace,
		"ReplaceTakesAndFreesServiceAndInstance":    testReplaceFrees,
		"ATakenServiceOrInstanceIsNotReplaced":      testReplaceTaken,
		"AnEmptyServiceOrInstanceIsNobodys":         testEmptyIsNone,
		"OpenRecordsComeTheLongestUnchangedFirst":   testReadOpen,
		"BytesAreComparedAsBytes":                   testBytes,
		"DataOfAnySizeIsKept":                       testData,
		"WhatADatabaseWouldNotKeepIsRefused":        testRefused,
		"OwnersOfManyInstances":                     testOwners,
		"WhatIsReadSharesNothing":                   testSharesNothing,
		"ADoneContextWritesNothing":                 testDoneContext,
		"OneOfManyClaimsAKey":                       testClaimKey,
		"OneOfManyClaimsAService":                   testClaimService,
		"OneOfManyClaimsAnInstance":                 testClaimInstance,
		"OneOfManyReplacesAVersion":                 testClaimVersion,
		"AServiceIsPassedOnFromKeyToKey":            testPassOn,
		"NoReplaceIsLost":                           testNoReplaceIsLost,
		"WhoeverGetsAnErrorReadsWhetherItWasDone":   func(t *testing.T, _ store.Store) { testCrashes(t, open) },
		"AClaimedServiceIsReadByWhoeverDidNotGetIt": testLoserReadsWinner,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// record is one with a version of its own; the rest is set by the test.
func record(key, version string) store.Record {
	return store.Record{
		Key: key, Version: version, State: "preparing",
		Changed: time.Date(2026, 1, 2, 3, 4, 5, 678_901_234, time.UTC),
		Data:    []byte(`{"request":{"serviceId":"svc"}}`),
	}
}

func with(r store.Record, service, instance string) store.Record {
	r.OpenService, r.InstanceID = service, instance
	return r
}

func insert(t *testing.T, s store.Store, r store.Record) {
	t.Helper()
	done, err := s.Insert(t.Context(), r)
	require.NoError(t, err)
	require.True(t, done, "insert %q", r.Key)
}

func replace(t *testing.T, s store.Store, version string, r store.Record) {
	t.Helper()
	done, err := s.Replace(t.Context(), version, r)
	require.NoError(t, err)
	require.True(t, done, "replace %q", r.Key)
}

func notReplaced(t *testing.T, s store.Store, version string, r store.Record) {
	t.Helper()
	done, err := s.Replace(t.Context(), version, r)
	require.NoError(t, err)
	require.False(t, done, "replace %q", r.Key)
}

func notInserted(t *testing.T, s store.Store, r store.Record) {
	t.Helper()
	done, err := s.Insert(t.Context(), r)
	require.NoError(t, err)
	require.False(t, done, "insert %q", r.Key)
}

// kept checks that a key has exactly this record.
func kept(t *testing.T, s store.Store, want store.Record) {
	t.Helper()
	got, found, err := s.Read(t.Context(), want.Key)
	require.NoError(t, err)
	require.True(t, found, "read %q", want.Key)
	equal(t, want, got)
}

func equal(t *testing.T, want, got store.Record) {
	t.Helper()
	assert.True(t, want.Changed.Equal(got.Changed), "%s is not %s", got.Changed, want.Changed)
	want.Changed, got.Changed = time.Time{}, time.Time{}
	require.JSONEq(t, string(want.Data), string(got.Data))
	want.Data, got.Data = nil, nil
	require.Equal(t, want, got)
}

func absent(t *testing.T, s store.Store, key string) {
	t.Helper()
	got, found, err := s.Read(t.Context(), key)
	require.NoError(t, err)
	require.False(t, found, "read %q", key)
	require.Zero(t, got)
}

// closedBy checks which key keeps a service closed; "" is none.
func closedBy(t *testing.T, s store.Store, service, key string) {
	t.Helper()
	got, found, err := s.ReadOpenService(t.Context(), service)
	require.NoError(t, err)
	require.Equal(t, key != "", found, "%q closed", service)
	require.Equal(t, key, got.Key)
}

func owner(t *testing.T, s store.Store, instance, key string) {
	t.Helper()
	owners, err := s.Owners(t.Context(), []string{instance})
	require.NoError(t, err)
	require.Equal(t, key, owners[instance])
}

func testEmpty(t *testing.T, s store.Store) {
	absent(t, s, "k")
	closedBy(t, s, "svc", "")
	owner(t, s, "i-1", "")
	open, err := s.ReadOpen(t.Context())
	require.NoError(t, err)
	assert.Empty(t, open)
	notReplaced(t, s, "v1", record("k", "v2"))
	absent(t, s, "k")
}

func testInsert(t *testing.T, s store.Store) {
	r := with(record("k", "v1"), "svc", "i-1")
	insert(t, s, r)
	kept(t, s, r)
	got, _, err := s.ReadOpenService(t.Context(), "svc")
	require.NoError(t, err)
	equal(t, r, got)
	owner(t, s, "i-1", "k")
	open, err := s.ReadOpen(t.Context())
	require.NoError(t, err)
	require.Len(t, open, 1)
	equal(t, r, open[0])
}

func testInsertTaken(t *testing.T, s store.Store) {
	r := with(record("k", "v1"), "svc", "i-1")
	insert(t, s, r)
	notInserted(t, s, with(record("k", "v2"), "svc-2", "i-2"))
	notInserted(t, s, with(record("k2", "v2"), "svc", "i-2"))
	notInserted(t, s, with(record("k3", "v2"), "svc-2", "i-1"))
	kept(t, s, r)
	absent(t, s, "k2")
	absent(t, s, "k3")
	closedBy(t, s, "svc-2", "")
	owner(t, s, "i-2", "")
}

func testReplace(t *testing.T, s store.Store) {
	insert(t, s, with(record("k", "v1"), "svc", ""))
	second := with(record("k", "v2"), "svc", "i-1")
	second.State, second.Data = "bought", []byte(`{"orderId":"o-1"}`)
	second.Changed = second.Changed.Add(time.Hour)
	notReplaced(t, s, "v0", second)
	notReplaced(t, s, "v2", second)
	notReplaced(t, s, "", second)
	replace(t, s, "v1", second)
	kept(t, s, second)
	notReplaced(t, s, "v1", record("k", "v3"))
	notReplaced(t, s, "v2", record("other", "v3"))
	kept(t, s, second)
}

func testReplaceFrees(t *testing.T, s store.Store) {
	insert(t, s, with(record("k", "v1"), "svc", "i-1"))
	replace(t, s, "v1", with(record("k", "v2"), "svc", "i-1"))
	closedBy(t, s, "svc", "k")
	owner(t, s, "i-1", "k")
	replace(t, s, "v2", with(record("k", "v3"), "", "i-2"))
	closedBy(t, s, "svc", "")
	owner(t, s, "i-1", "")
	owner(t, s, "i-2", "k")
	insert(t, s, with(record("k2", "w1"), "svc", "i-1"))
	closedBy(t, s, "svc", "k2")
	owner(t, s, "i-1", "k2")
	replace(t, s, "v3", with(record("k", "v4"), "", ""))
	owner(t, s, "i-2", "")
}

func testReplaceTaken(t *testing.T, s store.Store) {
	insert(t, s, with(record("a", "v1"), "svc", "i-1"))
	b := with(record("b", "w1"), "svc-b", "i-b")
	insert(t, s, b)
	notReplaced(t, s, "w1", with(record("b", "w2"), "svc", "i-b"))
	notReplaced(t, s, "w1", with(record("b", "w2"), "svc-b", "i-1"))
	notReplaced(t, s, "w1", with(record("b", "w2"), "svc", "i-1"))
	kept(t, s, b)
	closedBy(t, s, "svc-b", "b")
	owner(t, s, "i-b", "b")
}

func testEmptyIsNone(t *testing.T, s store.Store) {
	for i := range 3 {
		insert(t, s, record(fmt.Sprint("k", i), "v"))
	}
	for i := range 3 {
		replace(t, s, "v", record(fmt.Sprint("k", i), "v2"))
	}
	closedBy(t, s, "", "")
	owner(t, s, "", "")
	open, err := s.ReadOpen(t.Context())
	require.NoError(t, err)
	assert.Empty(t, open)
}

func testReadOpen(t *testing.T, s store.Store) {
	start := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	for i, after := range []time.Duration{3, 1, 2 * time.Second, time.Hour, 0} {
		r := with(record(fmt.Sprint("k", i), "v"), fmt.Sprint("svc", i), "")
		r.Changed = start.Add(after).In(time.FixedZone("", 8*3600-i*3600))
		insert(t, s, r)
	}
	insert(t, s, record("settled", "v"))
	open, err := s.ReadOpen(t.Context())
	require.NoError(t, err)
	var keys []string
	for _, r := range open {
		keys = append(keys, r.Key)
	}
	assert.Equal(t, []string{"k4", "k1", "k0", "k2", "k3"}, keys)
}

func testOwners(t *testing.T, s store.Store) {
	ids, want := []string{"", "i", "I-1"}, map[string]string{}
	for i := range 70 {
		id := fmt.Sprint("i-", i)
		if i%2 == 0 {
			insert(t, s, with(record(fmt.Sprint("k-", i), "v"), "", id))
			want[id] = fmt.Sprint("k-", i)
		}
		ids = append(ids, id, id)
	}
	for i := range 3000 {
		ids = append(ids, fmt.Sprint("nobody's-", i))
	}
	owners, err := s.Owners(t.Context(), append(ids, "i-2"))
	require.NoError(t, err)
	assert.Equal(t, want, owners)
	owners, err = s.Owners(t.Context(), nil)
	require.NoError(t, err)
	assert.Empty(t, owners)
}

func testSharesNothing(t *testing.T, s store.Store) {
	r := with(record("k", "v1"), "svc", "")
	want := with(record("k", "v1"), "svc", "")
	insert(t, s, r)
	copy(r.Data, "XXXX")
	kept(t, s, want)
	got, _, err := s.Read(t.Context(), "k")
	require.NoError(t, err)
	copy(got.Data, "XXXX")
	open, err := s.ReadOpen(t.Context())
	require.NoError(t, err)
	copy(open[0].Data, "XXXX")
	kept(t, s, want)
}

func testDoneContext(t *testing.T, s store.Store) {
	r := with(record("k", "v1"), "svc", "")
	insert(t, s, r)
	done, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Insert(done, record("k2", "v1"))
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.Replace(done, "v1", record("k", "v2"))
	require.ErrorIs(t, err, context.Canceled)
	_, _, err = s.Read(done, "k")
	require.ErrorIs(t, err, context.Canceled)
	_, _, err = s.ReadOpenService(done, "svc")
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.ReadOpen(done)
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.Owners(done, []string{"i"})
	require.ErrorIs(t, err, context.Canceled)
	kept(t, s, r)
	absent(t, s, "k2")
}

func testRefused(t *testing.T, s store.Store) {
	kept255 := with(record(strings.Repeat("k", 255), strings.Repeat("v", 64)), strings.Repeat("s", 255), strings.Repeat("i", 255))
	insert(t, s, kept255)
	kept(t, s, kept255)
	good := with(record("k", "v"), "svc", "i")
	insert(t, s, good)
	for name, change := range map[string]func(r *store.Record){
		"no key":            func(r *store.Record) { r.Key = "" },
		"no version":        func(r *store.Record) { r.Version = "" },
		"long key":          func(r *store.Record) { r.Key = strings.Repeat("k", 256) },
		"long key in runes": func(r *store.Record) { r.Key = strings.Repeat("é", 128) },
		"long version":      func(r *store.Record) { r.Version = strings.Repeat("v", 65) },
		"long service":      func(r *store.Record) { r.OpenService = strings.Repeat("s", 256) },
		"long instance":     func(r *store.Record) { r.InstanceID = strings.Repeat("i", 256) },
		"long state":        func(r *store.Record) { r.State = strings.Repeat("s", 33) },
		"NUL":               func(r *store.Record) { r.OpenService = "a\x00b" },
		"NUL at the end":    func(r *store.Record) { r.Key = "k\x00" },
		"not UTF-8":         func(r *store.Record) { r.InstanceID = "a\xffb" },
		"half a rune":       func(r *store.Record) { r.Key = "é"[:1] },
		"no data":           func(r *store.Record) { r.Data = nil },
		"data not JSON":     func(r *store.Record) { r.Data = []byte(`{"a":`) },
		"data not UTF-8":    func(r *store.Record) { r.Data = []byte("{\"a\":\"\xff\"}") },
	} {
		bad := with(record("k2", "v2"), "svc2", "i2")
		change(&bad)
		done, err := s.Insert(t.Context(), bad)
		require.Error(t, err, name)
		require.False(t, done, name)
		if bad.Key == "k2" {
			bad.Key = "k"
		}
		done, err = s.Replace(t.Context(), "v", bad)
		require.Error(t, err, name)
		require.False(t, done, name)
	}
	kept(t, s, good)
	absent(t, s, "k2")
}
