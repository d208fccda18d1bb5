package doubaoweb_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/doubaoweb"
)

// The streams of an image, as the note shows the frames.
const streamA = `data: {"event_data":"{}","event_id":"0","event_type":1}

data: {"event_data":"{\"message_id\":\"900000001\",\"local_message_id\":\"l\",\"conversation_id\":\"900000100\",\"section_id\":\"900000101\",\"message_index\":1,\"conversation_type\":5}","event_id":"1","event_type":2002}

data: {"event_data":"{\"message\":{\"content_type\":2001,\"content\":\"{\\\"text\\\":\\\"画好了：猫\\\"}\",\"id\":\"m1\"},\"conversation_id\":\"900000100\",\"is_delta\":true,\"status\":4}","event_id":"2","event_type":2001}

data: {"event_data":"{\"message\":{\"content_type\":2074,\"content\":\"{\\\"creations\\\":[{\\\"image\\\":{\\\"status\\\":1}},{\\\"image\\\":{\\\"key\\\":\\\"k2\\\",\\\"status\\\":1}}]}\"}}","event_id":"3","event_type":2001}

data: {"event_data":"{\"message\":{\"content_type\":2074,\"content\":\"{\\\"creations\\\":[{\\\"image\\\":{\\\"key\\\":\\\"k1\\\",\\\"status\\\":2,\\\"image_ori\\\":{\\\"url\\\":\\\"http://127.0.0.1:9/1.jpg\\\"}}},{\\\"image\\\":{\\\"key\\\":\\\"k2\\\",\\\"status\\\":2,\\\"image_ori\\\":{\\\"url\\\":\\\"http://127.0.0.1:9/2.jpg\\\"}}}]}\"}}","event_id":"4","event_type":2001}

data: {"event_data":"{\"is_finish\":true,\"status\":1,\"message\":{\"content\":\"{}\"}}","event_id":"5","event_type":2001}

data: {"event_data":"{}","event_id":"6","event_type":2003}

`

const streamB = `id: 0
event: SSE_HEARTBEAT
data: {}

id: 1
event: SSE_ACK
data: {"ack_client_meta":{"conversation_id":"900000100","section_id":"1"},
data: "query_list":[{"question_id":"900000001","local_message_id":"l"}]}

event: FULL_MSG_NOTIFY
data: {"message":{"content":"not this"}}

event: STREAM_MSG_NOTIFY
data: {"meta":{"message_id":"m1","conversation_id":"900000100"},"content":{"content_block":[{"block_type":10000,"content":{"text_block":{"text":"画好了"}}}]}}

event: CHUNK_DELTA
data: {"text":"：猫"}

event: STREAM_CHUNK
data: {"patch_op":[{"patch_object":1,"patch_type":1,"patch_value":{"content_block":[{"block_type":2074,"content":{"creation_block":{"creations":[{"type":1,"image":{"status":1}},{"type":1,"image":{"key":"k2","status":1}}]}}}]}}]}

event: STREAM_CHUNK
data: {"patch_op":[{"patch_object":1,"patch_type":1,"patch_value":{"content_block":[{"block_type":2074,"content":{"creation_block":{"creations":[{"type":1,"image":{"key":"k1","image_ori":{"url":"http://127.0.0.1:9/1.jpg"}}},{"type":1,"image":{"key":"k2","status":2,"image_ori":{"url":"http://127.0.0.1:9/2.jpg"}}}]}}}]}},{"patch_object":50,"patch_value":{"ext":{}}}]}

event: SSE_REPLY_END
data: {"end_type":1,"msg_finish_attr":{"brief":""}}

event: SSE_REPLY_END
data: {"end_type":3}

`

// whole is what both streams say.
func whole() doubaoweb.Heard {
	return doubaoweb.Heard{
		Conversation: "900000100", Text: "画好了：猫", Finished: true,
		Sources: []job.Source{{Role: job.Primary, URL: "http://127.0.0.1:9/2.jpg"}, {Role: job.Primary, URL: "http://127.0.0.1:9/1.jpg"}},
	}
}

func streams() map[doubaoweb.Dialect]string {
	return map[doubaoweb.Dialect]string{doubaoweb.Numeric: streamA, doubaoweb.Named: streamB}
}

// TestFramesInPieces: wherever a read ends, also within a rune, the same is heard.
func TestFramesInPieces(t *testing.T) {
	t.Parallel()
	p := profile(t)
	for dialect, text := range streams() {
		for at := range len(text) {
			r := io.MultiReader(strings.NewReader(text[:at]), strings.NewReader(text[at:]))
			got, err := doubaoweb.Hear(p, dialect, job.Image, r)
			if err != nil || !reflect.DeepEqual(got, whole()) {
				t.Fatalf("%s, cut at %d: %+v, %v", dialect, at, got, err)
			}
		}
		got, err := doubaoweb.Hear(p, dialect, job.Image, iotest.OneByteReader(strings.NewReader(text)))
		if err != nil || !reflect.DeepEqual(got, whole()) {
			t.Errorf("%s, byte by byte: %+v, %v", dialect, got, err)
		}
		got, err = doubaoweb.Hear(p, dialect, job.Image, strings.NewReader(strings.ReplaceAll(text, "\n", "\r\n")))
		if err != nil || !reflect.DeepEqual(got, whole()) {
			t.Errorf("%s, with CRLF: %+v, %v", dialect, got, err)
		}
	}
}

// TestStreamCutAtEveryByte: until the frame that accepts is whole, the outcome is
// ambiguous; from then on the job is accepted and never sent again.
func TestStreamCutAtEveryByte(t *testing.T) {
	t.Parallel()
	for dialect, text := range streams() {
		accepted := strings.Index(text, "900000100")
		accepted += strings.Index(text[accepted:], "\n\n") + len("\n\n")
		cut := 0
		root, count := server(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, text[:cut])
			if cut%2 == 0 { // half of the cuts are no proper end of the answer
				_ = http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			}
		})
		d := driver(t, root, profile(t, fmt.Sprintf("dialect: %s", dialect)))
		for cut = 0; cut <= len(text); cut += 3 {
			before := count.Load()
			got, err := d.Submit(t.Context(), acc(), image("a cat"))
			switch {
			case cut < accepted:
				if e := upstream.AsError(err); err == nil || e.Outcome != upstream.Ambiguous {
					t.Fatalf("%s, cut at %d of %d: %v", dialect, cut, accepted, err)
				}
			case err != nil || got.UpstreamID == "":
				t.Fatalf("%s, cut at %d of %d: %+v, %v", dialect, cut, accepted, got, err)
			}
			if n := count.Load() - before; n != 1 {
				t.Fatalf("cut at %d: sent %d times", cut, n)
			}
		}
	}
}

// TestErrorFrames: what each of them means, in either dialect. All are no, and none
// creates anything.
func TestErrorFrames(t *testing.T) {
	t.Parallel()
	gateway := func(code string) string {
		return "event: gateway-error\ndata: {\"code\":\"Internal\",\"message\":\"ErrorX:code=" + code + ", message=[x]\"}\n\n"
	}
	numeric := func(v string) string {
		return fmt.Sprintf("data: {\"event_data\":%q,\"event_id\":\"0\",\"event_type\":2005}\n\n", v)
	}
	named := func(v string) string { return "event: STREAM_ERROR\ndata: " + v + "\n\n" }
	tests := []struct {
		dialect doubaoweb.Dialect
		stream  string
		class   upstream.Class
	}{
		{doubaoweb.Numeric, gateway("710012000"), upstream.Auth},
		{doubaoweb.Named, gateway("710012000"), upstream.Auth},
		{doubaoweb.Numeric, gateway("1"), upstream.Unknown},
		{doubaoweb.Numeric, "event: gateway-error\ndata: no JSON\n\n", upstream.Unknown},
		{doubaoweb.Numeric, numeric(`{"code":710022002,"message":"block","error_detail":{"code":710022002,"message":"busy"}}`), upstream.RateLimited},
		{doubaoweb.Numeric, numeric(`{"code":710022004,"message":"rate limited","error_detail":{"message":"system error"}}`), upstream.RiskControl},
		{doubaoweb.Numeric, numeric(`{"code":"710022004"}`), upstream.RiskControl},
		{doubaoweb.Numeric, numeric(`{"error_detail":{"code":710022002}}`), upstream.RateLimited},
		{doubaoweb.Numeric, numeric(`{"code":5,"message":"tourist conversation reach limited"}`), upstream.Auth},
		{doubaoweb.Numeric, numeric(`{"code":5,"message":"service overloaded"}`), upstream.Overloaded},
		{doubaoweb.Numeric, numeric(`{}`), upstream.Unknown},
		{doubaoweb.Named, named(`{"error_code":710022004,"error_msg":"rate limited","extra":{"decision":"{\"type\":\"verify\"}"}}`), upstream.RiskControl},
		{doubaoweb.Named, named(`{"error_code":710022002}`), upstream.RateLimited},
		{doubaoweb.Named, named(`{"error_code":5,"error_msg":"this violates the rules"}`), upstream.ContentRejected},
	}
	for _, tt := range tests {
		root, count := server(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, tt.stream)
		})
		d := driver(t, root, profile(t, "dialect: "+string(tt.dialect)))
		_, err := d.Submit(t.Context(), acc(), image("a cat"))
		if e := fails(t, err); e.Class != tt.class || e.Outcome != upstream.Rejected || count.Load() != 1 {
			t.Errorf("%s: got %v\nwant %s", tt.stream, e, tt.class)
		}
		_, err = d.ChatStream(t.Context(), acc(), talk("hello"))
		if e := fails(t, err); e.Class != tt.class || e.Outcome != upstream.Rejected {
			t.Errorf("%s: a chat got %v\nwant %s", tt.stream, e, tt.class)
		}
	}
}

// TestTooLong: a stream is read up to a limit.
func TestTooLong(t *testing.T) {
	t.Parallel()
	got, err := doubaoweb.Hear(profile(t), doubaoweb.Numeric, job.Image, io.MultiReader(strings.NewReader("data: "), zeros{}))
	if err == nil || errors.Is(err, io.EOF) || got.Finished {
		t.Errorf("got %+v, %v", got, err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

// FuzzStream: whatever comes and however it is cut into reads, nothing breaks and
// the same is heard.
func FuzzStream(f *testing.F) {
	for _, s := range streams() {
		f.Add([]byte(s), true, 3)
		f.Add([]byte(s), false, 7)
	}
	f.Add([]byte("data: {\"event_type\":2001,\"event_data\":{\"message\":{\"content_type\":2074,\"content\":[[]]}}}\n\n"), false, 1)
	p, err := doubaoweb.DefaultProfile()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, in []byte, named bool, cut int) {
		dialect := doubaoweb.Numeric
		if named {
			dialect = doubaoweb.Named
		}
		for _, kind := range []job.Kind{job.Image, job.Video} {
			once, onceErr := doubaoweb.Hear(p, dialect, kind, strings.NewReader(string(in)))
			at := max(cut, 0) % (len(in) + 1)
			again, againErr := doubaoweb.Hear(p, dialect, kind, io.MultiReader(strings.NewReader(string(in[:at])), strings.NewReader(string(in[at:]))))
			if !reflect.DeepEqual(once, again) || (onceErr == nil) != (againErr == nil) {
				t.Fatalf("at once %+v %v\nin two reads %+v %v", once, onceErr, again, againErr)
			}
		}
	})
}
