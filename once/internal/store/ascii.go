package store

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// ascii returns a text in ASCII, with \u escapes for the rest as JSON has them: whatever a connection does to other
// characters, two processes of one journal read and compare the same bytes. Two texts never become one, because the
// backslash is escaped, too, and the quote, so that JSON reads it back.
func ascii(text string) string {
	return escape(text, func(c rune) bool { return c < ' ' || c == '\\' || c == '"' || c > '~' })
}

// asciiJSON does the same to JSON, where such escapes say the same as the characters.
func asciiJSON(data []byte) string {
	return escape(string(data), func(c rune) bool { return c > '~' })
}

func escape(text string, special func(rune) bool) string {
	if strings.IndexFunc(text, special) < 0 {
		return text
	}
	var escaped strings.Builder
	for _, c := range text {
		switch high, low := utf16.EncodeRune(c); {
		case !special(c):
			escaped.WriteRune(c)
		case high != utf8.RuneError:
			fmt.Fprintf(&escaped, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&escaped, `\u%04x`, c)
		}
	}
	return escaped.String()
}

// text returns what ascii was given. What no ascii returned is an error: some connection has changed it.
func text(escaped string) (text string, err error) {
	if json.Unmarshal([]byte(`"`+escaped+`"`), &text) != nil || ascii(text) != escaped {
		return "", errChanged(escaped)
	}
	return text, nil
}

func errChanged(value string) error {
	return fmt.Errorf("the database returned %+q, which this package did not write: "+
		"look for a connection of the pool that converts characters (client encoding, character set)", value)
}
