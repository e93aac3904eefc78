package strictjson

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// Repeated returns a name that stands twice in one object of a document, in any case, or "". A document that is not JSON is
// for its reader to refuse.
func Repeated(document []byte) string {
	name, _ := repeated(json.NewDecoder(bytes.NewReader(document)))
	return name
}

// repeated ends at the first error: a decoder does not go on after it.
func repeated(decoder *json.Decoder) (string, error) {
	token, err := decoder.Token()
	delimiter, isDelimiter := token.(json.Delim)
	if err != nil || !isDelimiter {
		return "", err
	}
	var names []string
	for decoder.More() {
		if delimiter == '{' {
			token, err := decoder.Token()
			name, isName := token.(string)
			switch {
			case err != nil || !isName:
				return "", errNoJSON
			case slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) }):
				return name, nil
			}
			names = append(names, name)
		}
		if name, err := repeated(decoder); name != "" || err != nil {
			return name, err
		}
	}
	_, err = decoder.Token() // the end of it
	return "", err
}
