package server_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/tintypehq/tintype/pkg/tintype"
)

// TestBase64IsWhole: an image whose size is no multiple of three bytes keeps its
// last ones.
func TestBase64IsWhole(t *testing.T) {
	t.Parallel()
	h := open(t)
	for n := 1; n <= 6; n++ {
		want := []byte("pixels")[:n]
		id := h.create(images, `{"prompt":"x","response_format":"b64_json"}`, "Idempotency-Key", string(rune('a'+n)))
		h.makeImage(id, want)
		a := h.call(http.MethodPost, images, `{"prompt":"x","response_format":"b64_json"}`, "Idempotency-Key", string(rune('a'+n)))
		var made tintype.MediaResponse
		h.must(json.Unmarshal([]byte(a.body), &made))
		if len(made.Data) != 1 || made.Data[0].B64JSON != base64.StdEncoding.EncodeToString(want) {
			t.Errorf("%d bytes: %s", n, a.body)
		}
	}
}
