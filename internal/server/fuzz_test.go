package server_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/server"
)

// FuzzRequest: whatever is posted, the server answers with a job or with a
// fault that names what is wrong, never with its own failure.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		`{"prompt":"x"}`, `{"prompt":"x","ratio":"16:9","style":"卡通","model":"Seedream 4.0","stream":true}`, `{"prompt":7}`, `[]`, `{`, ``, "\xff",
		`{"prompt":"x","image":"data:image/png;base64,aGk="}`, `{"a":{"b":[[[{}]]]},"prompt":"\ud800"}`, "\xef\xbb\xbf{}", `{"prompt":"x"}{}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		spec, err := server.Decode(models(t), body)
		if err == nil {
			if strings.TrimSpace(spec.Prompt) == "" || spec.Model == "" || spec.UpstreamModel == "" {
				t.Errorf("taken: %+v", spec)
			}
			return
		}
		refused(t, err, "")
	})
}

// FuzzFields: a body falls apart into the fields that encoding/json finds in it.
func FuzzFields(f *testing.F) {
	for _, seed := range []string{
		`{"a":1,"b":[2,{"c":3}],"a":"x"}`, "\xef\xbb\xbf { } ", `{"\u0061":"\"","a\\":"]}"}`, `{"a" : {"b":","} , "c":null}`, `[]`, `null`, `{`, `{"":0}`, `{"\ud800":1,"\udfff":2}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got := server.Fields(bytes.Clone(body))
		var want map[string]json.RawMessage
		err := json.Unmarshal(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), &want)
		if got == nil {
			return // refused, which is FuzzRequest's affair
		}
		if err != nil || !maps.EqualFunc(got, want, func(a, b json.RawMessage) bool { return bytes.Equal(a, bytes.TrimSpace(b)) }) {
			t.Errorf("%q: %q, want %q (%v)", body, got, want, err)
		}
	})
}

// refused insists on a fault that is the caller's.
func refused(t *testing.T, err error, param string) {
	t.Helper()
	e := fault.From(err)
	callers := []fault.Code{fault.Invalid, fault.ModelNotFound, fault.InvalidImage, fault.ImageTooLarge}
	if !slices.Contains(callers, e.Code) {
		t.Errorf("%v", err)
	}
	if e.Message == "" || param != "" && e.Param != param {
		t.Errorf("%+v", e)
	}
}

// FuzzImage: whatever stands in the field image, it is a picture that keeps the
// rules or a fault about that field.
func FuzzImage(f *testing.F) {
	pic := base64.StdEncoding.EncodeToString(blank(20, 20))
	for _, seed := range []string{
		pic, "data:image/png;base64," + pic, "data:,", "data:image/png;base64,%41", "DATA:x;y;base64,===", "ftp://x", "file:///x", "a:b", "====", "-_-_", ":",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, image string) {
		lower := strings.ToLower(image)
		if strings.HasPrefix(lower, "http:") || strings.HasPrefix(lower, "https:") {
			return // would be fetched
		}
		contentType, err := server.Look(t.Context(), image)
		if err != nil {
			refused(t, err, "image")
			return
		}
		if !strings.HasPrefix(contentType, "image/") {
			t.Errorf("taken as %s", contentType)
		}
	})
}

// FuzzMessages: whatever is sent as messages, it passes or is a fault about it.
func FuzzMessages(f *testing.F) {
	for _, seed := range []string{
		`[{"role":"user","content":"x"}]`, `[{"role":"user","content":[{"type":"text","text":"x"},{"type":"image_url","image_url":"data:image/png;base64,aGk="}]}]`,
		`[null]`, `[{}]`, `7`, `[{"role":"assistant","content":null}]`, `[{"role":"user","content":[null,7,"x",[],{}]}]`, `[ {"role":"user","content": [ ] } ]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, messages []byte) {
		if !json.Valid(messages) || strings.Contains(strings.ToLower(string(messages)), "http") {
			return // no request would carry it, or it would be looked up
		}
		if err := server.CheckMessages(t.Context(), messages); err != nil {
			refused(t, err, "")
			if p := fault.From(err).Param; !strings.HasPrefix(p, "messages") {
				t.Errorf("param %q", p)
			}
		}
	})
}

// FuzzRange: a range lies within the file.
func FuzzRange(f *testing.F) {
	for _, seed := range []string{"bytes=0-1", "bytes=-1", "bytes=5-", "bytes=9-1", "x", "bytes=-", "bytes=9223372036854775807-"} {
		f.Add(seed, int64(6))
	}
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 1 {
			return
		}
		h := http.Header{}
		h.Set("Range", header)
		first, length, err := server.Span(h, size)
		if err == nil && (first < 0 || length < 1 || first+length > size) {
			t.Errorf("%q of %d bytes: %d from %d", header, size, length, first)
		}
	})
}
