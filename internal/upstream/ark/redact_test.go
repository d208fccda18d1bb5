package ark_test

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/account"
)

// quoting is an upstream that writes something in answer to each request.
func quoting(answer string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		_, _ = conn.Write([]byte(answer))
		_ = conn.Close()
	}
}

// TestNoErrorQuotesTheCredential: whatever the upstream says of the request, the
// driver's error, which is logged, has nothing of the credential.
func TestNoErrorQuotesTheCredential(t *testing.T) {
	t.Parallel()
	const core = "c4naryK3yQ8v2mWx"
	key := `sim-"a\b<&+=%/` + core + strings.Repeat("z", 40)
	inJSON, err := json.Marshal(key)
	if err != nil {
		t.Fatal(err)
	}
	head := "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n"
	envelope := func(message string) string {
		text, err := json.Marshal(message)
		if err != nil {
			t.Fatal(err)
		}
		return head + `{"error":{"code":"AuthenticationError","message":` + string(text) + `}}`
	}
	for name, answer := range map[string]string{
		"in the message":         envelope("the API key " + key + " is invalid"),
		"where it is cut":        envelope(strings.Repeat("x", 480) + key),
		"in a page, cut":         head + strings.Repeat("x", 170) + key,
		"as JSON in the message": envelope(`{"authorization":` + string(inJSON) + `}`),
		"as a query":             head + "https://example.com/?key=" + url.QueryEscape(key),
		"as a path":              head + "https://example.com/" + url.PathEscape(key),
		"as HTML":                head + "<p>" + html.EscapeString(key) + "</p>",
		"without HTTP":           key + " 200 OK\r\n\r\n",
		"in the status":          "HTTP/1.1 " + key + "\r\n\r\n",
		"in a length":            "HTTP/1.1 200 OK\r\nContent-Length: " + key + "\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answers := make(chan http.HandlerFunc, 1)
			w := answering(t, answers)
			answers <- quoting(answer)
			_, err := w.Submit(t.Context(), account.Account{ID: "a", Upstream: "ark", Secret: account.NewSecret(key)}, image("x"))
			e := fails(t, err)
			if said := e.Error() + e.Fault.Error(); strings.Contains(said, core[:8]) {
				t.Errorf("quotes the credential: %s", said)
			}
			if !strings.Contains(e.Error(), "[secret]") {
				t.Errorf("says nothing of what was answered: %s", e.Error())
			}
		})
	}
}
