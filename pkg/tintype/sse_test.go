package tintype_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/tintypehq/tintype/pkg/tintype"
)

func TestSSE(t *testing.T) {
	t.Parallel()
	data := func(s string) []tintype.SSEEvent { return []tintype.SSEEvent{{Data: s}} }
	for _, tt := range []struct {
		name, in string
		want     []tintype.SSEEvent
		retry    time.Duration
	}{
		{"empty", "", nil, 0},
		{"one", "data: a\n\n", data("a"), 0},
		{"one space is cut", "data:  a \n\n", data(" a "), 0},
		{"no colon", "data\n\n", data(""), 0},
		{"empty data", "data:\n\n", data(""), 0},
		{"two lines", "data: a\ndata: b\n\n", data("a\nb"), 0},
		{"two empty lines", "data\ndata\n\n", data("\n"), 0},
		{"colons", "data: a:b: c\n\n", data("a:b: c"), 0},
		{"no data, no event", "event: x\nid: 1\n\n\n\n", nil, 0},
		{"name and id", "event: x\nid: 7\ndata: a\n\n", []tintype.SSEEvent{{Name: "x", ID: "7", Kept: true, Data: "a"}}, 0},
		{"name and id are of one event", "event: x\nid: 7\ndata: a\n\ndata: b\n\n", []tintype.SSEEvent{{Name: "x", ID: "7", Kept: true, Data: "a"}, {Data: "b"}}, 0},
		{"nor of the next after none", "event: x\nid: 7\n\ndata: b\n\n", data("b"), 0},
		{"empty id", "id\ndata: a\n\n", []tintype.SSEEvent{{Kept: true, Data: "a"}}, 0},
		{"id with NUL", "id: 1\x002\ndata: a\n\n", data("a"), 0},
		{"comments", ": hi\n:\ndata: a\n:b\n\n", data("a"), 0},
		{"unknown fields", "Data: x\ndata : x\nfoo\ndata: a\n\n", data("a"), 0},
		{"retry", "retry: 1500\n\n", nil, 1500 * time.Millisecond},
		{"retry that is no number", "retry: 1500\nretry: -1\nretry: 2s\nretry: 99999999999\n\n", nil, 1500 * time.Millisecond},
		{"CR LF", "data: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n", []tintype.SSEEvent{{Data: "a\nb"}, {Data: "c"}}, 0},
		{"CR", "data: a\rdata: b\r\rdata: c\r\r", []tintype.SSEEvent{{Data: "a\nb"}, {Data: "c"}}, 0},
		{"mixed ends", "data: a\r\ndata: b\rdata: c\n\r\n", data("a\nb\nc"), 0},
		{"mark", "\ufeffdata: a\n\n", data("a"), 0},
		{"only the first mark", "\ufeff\ufeffdata: a\n\n\ufeffdata: b\n\n", nil, 0},
		{"cut event", "data: a\n\ndata: b\n", data("a"), 0},
		{"cut line", "data: a\n\ndata: b", data("a"), 0},
		{"long line", "data: " + strings.Repeat("x", 100_000) + "\n\n", data(strings.Repeat("x", 100_000)), 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, retry, err := tintype.ParseSSE(strings.NewReader(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "events", got, tt.want)
			equal(t, "retry", retry, tt.retry)
		})
	}
}

func TestSSETooLarge(t *testing.T) {
	t.Parallel()
	block := strings.Repeat("x", 1<<20)
	for name, in := range map[string]string{
		"line":    "data: " + strings.Repeat(block, 5) + "\n\n",
		"lines":   strings.Repeat("data: "+block+"\n", 5) + "\n",
		"comment": ": " + strings.Repeat(block, 5),
	} {
		if _, _, err := tintype.ParseSSE(strings.NewReader(in)); !errors.Is(err, tintype.ErrTooLarge) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	comments := strings.Repeat(": "+block+"\n", 10) // what is passed over takes no room
	if _, _, err := tintype.ParseSSE(strings.NewReader("data: a\n" + comments + "\n")); err != nil {
		t.Errorf("comments: %v", err)
	}
}

// The same bytes make the same events, however the network cuts them, and an
// end of line is an end of line by any of its names.
func FuzzSSE(f *testing.F) {
	for _, seed := range []string{
		mediaStream, "data: a\r\n\r\n", "\ufeffid: 1\revent\r\rdata\r\r", "retry: 5\n\n: c\ndata:x\ndata:y\n\n", "data: a\n\ndata: b",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		whole, retry, err := tintype.ParseSSE(bytes.NewReader(in))
		single, retry1, err1 := tintype.ParseSSE(iotest.OneByteReader(bytes.NewReader(in)))
		if !reflect.DeepEqual(whole, single) || retry != retry1 || !errors.Is(err1, err) {
			t.Errorf("whole %+v %v %v\nsingle %+v %v %v", whole, retry, err, single, retry1, err1)
		}
		unix := bytes.ReplaceAll(bytes.ReplaceAll(in, []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))
		ends, _, _ := tintype.ParseSSE(bytes.NewReader(unix))
		if !reflect.DeepEqual(whole, ends) {
			t.Errorf("with its own ends %+v\nwith LF %+v", whole, ends)
		}
		for _, e := range whole {
			if strings.ContainsAny(e.Name+e.ID, "\r\n") || strings.Contains(e.Data, "\r") {
				t.Errorf("an end of line in %+v", e)
			}
		}
	})
}
