//go:build go1.27

package computeunit_test

import jsonv2 "encoding/json/v2"

func init() {
	both := jsonPackages["encoding/json"]
	both.marshal = func(value any) ([]byte, error) { return jsonv2.Marshal(value) }
	both.unmarshal = func(text []byte, value any) error { return jsonv2.Unmarshal(text, value) }
	jsonPackages["encoding/json/v2"] = both
}
