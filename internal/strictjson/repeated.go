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
	return repeated(json.NewDecoder(bytes.NewReader(document)))
}

func repeated(decoder *json.Decoder) string {
	token, err := decoder.Token()
	delimiter, isDelimiter := token.(json.Delim)
	if err != nil || !isDelimiter {
		return ""
	}
	var names []string
	for decoder.More() {
		if delimiter == '{' {
			token, err := decoder.Token()
			name, isName := token.(string)
			switch {
			case err != nil || !isName:
				return ""
			case slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) }):
				return name
			}
			names = append(names, name)
		}
		if name := repeated(decoder); name != "" {
			return name
		}
	}
	_, _ = decoder.Token() // the end of it
	return ""
}
