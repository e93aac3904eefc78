package once

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
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
	// version is empty if the journal has no such key.
	version string
	// service is the open service of an open purchase.
	service string
	// data is the JSON that was read, if this version of the package does not read it whole: see foreign.
	data []byte
}

// format is the version of the JSON of a record.
const format = 1

type document struct {
	Format int `json:"format"`
	Purchase
}

// foreign reports whether a later version of this package wrote the record with something that this one does not know.
// Such a purchase is looked after, and never sent.
func (r record) foreign() bool { return r.data != nil }

// decode trusts the columns more than the JSON: they are what the constraints hold.
func decode(row store.Record) record {
	r := record{version: row.Version, service: row.OpenService}
	purchase, whole := decodeData(row.Data)
	r.Purchase = purchase
	r.Key, r.State, r.InstanceID = row.Key, State(row.State), row.InstanceID
	if !whole {
		r.data = row.Data
	}
	return r
}

// decodeData reports whether it read everything: encoding what it read gives the same JSON again.
func decodeData(data []byte) (p Purchase, whole bool) {
	var read document
	if json.Unmarshal(data, &read) != nil {
		return decodeForeign(data), false
	}
	again, err := json.Marshal(read)
	return read.Purchase, err == nil && read.Format == format && sameJSON(again, data)
}

// decodeForeign reads what is needed to look after a purchase whose request has something unknown in it.
func decodeForeign(data []byte) Purchase {
	var read struct {
		Purchase
		Request struct {
			ServiceID string `json:"serviceId"`
			Billing   struct {
				PaymentTiming computeunit.PaymentTiming `json:"paymentTiming"`
			} `json:"billing"`
			ReplicasCount int `json:"replicasCount"`
		} `json:"request"`
	}
	_ = json.Unmarshal(data, &read) // as far as it goes: without a listing before, nothing is looked after
	p := read.Purchase
	p.Request = computeunit.PurchaseComputeUnitRequest{ServiceID: read.Request.ServiceID, ReplicasCount: read.Request.ReplicasCount}
	p.Request.Billing.PaymentTiming = read.Request.Billing.PaymentTiming
	return p
}

func sameJSON(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

// encode makes the row to write.
func (r record) encode(version string) (store.Record, error) {
	data, err := json.Marshal(document{format, r.Purchase})
	if err == nil && r.foreign() {
		data, err = merge(r.data, data)
	}
	service := ""
	if r.isOpen() {
		service = cmp.Or(r.service, serviceOf(r.Request))
	}
	return store.Record{
		Key:         r.Key,
		Version:     version,
		OpenService: service,
		InstanceID:  r.InstanceID,
		State:       string(r.State),
		Changed:     time.Now().UTC().Round(0),
		Data:        data,
	}, err
}

// merge writes into foreign JSON what has changed, and leaves the rest as it is.
func merge(foreign, data []byte) ([]byte, error) {
	before, _ := decodeData(foreign)
	known, err := json.Marshal(document{format, before})
	if err != nil {
		return nil, err
	}
	var was, is, merged map[string]json.RawMessage
	if json.Unmarshal(known, &was) != nil || json.Unmarshal(data, &is) != nil || json.Unmarshal(foreign, &merged) != nil || merged == nil {
		return nil, errors.New("a record that another version wrote is not a JSON object")
	}
	for name := range was {
		if _, stays := is[name]; !stays {
			delete(merged, name)
		}
	}
	for name, value := range is {
		if !bytes.Equal(was[name], value) {
			merged[name] = value
		}
	}
	return json.Marshal(merged)
}

// newVersion is random (rule 4): a counter would start again after a row was deleted.
func newVersion() string {
	var version [16]byte
	rand.Read(version[:]) // never fails
	return hex.EncodeToString(version[:])
}

// serviceOf is the service as rule 1 compares it. Closing too much is safe.
func serviceOf(request computeunit.PurchaseComputeUnitRequest) string {
	return strings.ToLower(strings.TrimSpace(request.ServiceID))
}

// parked keeps a purchase open whose service another one keeps closed (rule 7). No service begins with a space.
func parked(key string) string {
	sum := sha256.Sum256([]byte(key))
	return " " + hex.EncodeToString(sum[:])
}

const (
	maxKey     = 255
	maxService = 255
)

func checkKey(key string) error {
	switch {
	case key == "" || len(key) > maxKey:
		return fmt.Errorf("the key has %d bytes: it must have 1 to %d", len(key), maxKey)
	case !utf8.ValidString(key) || strings.ContainsFunc(key, unicode.IsControl):
		return errors.New("the key must be UTF-8 without control characters")
	}
	return nil
}

// checkService refuses what no journal can keep closed.
func checkService(request computeunit.PurchaseComputeUnitRequest) error {
	if service := serviceOf(request); len(service) > maxService || strings.ContainsRune(service, 0) {
		return fmt.Errorf("the service id must have at most %d bytes, and no NUL", maxService)
	}
	return nil
}

// asSent returns a request that is equal to another exactly if both send the same JSON, release times taken as instants.
// It is what the journal gives back, too.
func asSent(request computeunit.PurchaseComputeUnitRequest) (sent computeunit.PurchaseComputeUnitRequest, err error) {
	data, err := json.Marshal(request)
	if err == nil {
		err = json.Unmarshal(data, &sent)
	}
	return sent, err
}

// sameRequest reports whether a record's request is the one that is asked for now.
func sameRequest(kept, asked computeunit.PurchaseComputeUnitRequest) bool {
	kept.Billing.ReleaseTime = kept.Billing.ReleaseTime.UTC()
	asked.Billing.ReleaseTime = asked.Billing.ReleaseTime.UTC()
	a, errA := json.Marshal(kept)
	b, errB := json.Marshal(asked)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}
