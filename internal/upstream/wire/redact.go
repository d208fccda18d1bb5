package wire

import (
	"encoding/json"
	"errors"
	"html"
	"net/url"
	"strconv"
	"strings"
)

// Redact takes the call's credential out of a text that somebody else has
// written. There are servers, and proxies before them, that quote a request in
// their errors, each with the escapes of its own format.
func (c Call) Redact(text string) string {
	key := c.Secret.Reveal()
	if key == "" {
		return text
	}
	inJSON, _ := json.Marshal(key) // a string can always be marshaled
	for _, spelling := range []string{
		key, within(string(inJSON)), within(strconv.Quote(key)), html.EscapeString(key), url.QueryEscape(key), url.PathEscape(key),
	} {
		text = strings.ReplaceAll(text, spelling, c.Secret.String())
	}
	return text
}

// within takes the quotes off.
func within(quoted string) string { return quoted[1 : len(quoted)-1] }

// redacted is the error as it is, unless its text quotes the credential: an
// answer that is not HTTP stands in the error about it.
func (c Call) redacted(err error) error {
	if clean := c.Redact(err.Error()); clean != err.Error() {
		return errors.New(clean)
	}
	return err
}
