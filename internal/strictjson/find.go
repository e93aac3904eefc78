package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
)

// maxDepth bounds the recursion. A response that is nested deeper is none of this API.
const maxDepth = 100

var errTooDeep = errors.New("nested too deep")

// Holds reports whether a document has a member of one of the names, at any depth and in any case, that is something: not
// null, "", or an empty list or object. In a document that is not JSON the mere name counts: nothing in it is certain.
func Holds(document []byte, names ...string) bool {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	found, err := holds(decoder, names, false, 0)
	if err == nil {
		if _, err = decoder.Token(); errors.Is(err, io.EOF) {
			return found
		}
	}
	text := strings.ToLower(string(document))
	return slices.ContainsFunc(names, func(name string) bool { return strings.Contains(text, strings.ToLower(name)) })
}

// holds goes through the tokens: so it sees a name that stands twice, twice. named is inside a member of one of the names.
func holds(decoder *json.Decoder, names []string, named bool, depth int) (found bool, err error) {
	token, err := decoder.Token()
	if err != nil || depth > maxDepth {
		return false, errors.Join(err, errTooDeep)
	}
	delimiter, isDelimiter := token.(json.Delim)
	if !isDelimiter {
		return named && token != nil && token != "", nil
	}
	for decoder.More() {
		isNamed := named
		if delimiter == '{' {
			name, err := decoder.Token()
			if err != nil {
				return false, err
			}
			isNamed = named || slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name.(string)) })
		}
		inside, err := holds(decoder, names, isNamed, depth+1)
		if err != nil {
			return false, err
		}
		found = found || inside
	}
	_, err = decoder.Token()
	return found, err
}
