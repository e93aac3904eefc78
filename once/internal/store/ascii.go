package store

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
)

// ascii returns a text in ASCII, with escapes for the rest: whatever a connection does to other characters, two processes
// of one journal read and compare the same bytes. Two texts never become one, because the backslash is escaped, too.
func ascii(text string) string {
	quoted := strconv.QuoteToASCII(text)
	return quoted[1 : len(quoted)-1]
}

// asciiJSON does the same to JSON, which has escapes of its own that say the same as the characters.
func asciiJSON(data []byte) string {
	var escaped strings.Builder
	for _, c := range string(data) {
		if c <= '~' {
			escaped.WriteRune(c)
			continue
		}
		for _, unit := range utf16.Encode([]rune{c}) {
			fmt.Fprintf(&escaped, `\u%04x`, unit)
		}
	}
	return escaped.String()
}

// text returns what ascii was given. What no ascii returned is an error: some connection has changed it.
func text(escaped string) (string, error) {
	text, err := strconv.Unquote(`"` + escaped + `"`)
	if err != nil || ascii(text) != escaped {
		return "", errChanged(escaped)
	}
	return text, nil
}

func errChanged(value string) error {
	return fmt.Errorf("the database returned %+q, which this package did not write: "+
		"look for a connection of the pool that converts characters (client encoding, character set), or a column of another type or collation", value)
}
