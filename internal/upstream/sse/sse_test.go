package sse_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sse"
)

type event struct {
	typ, data, id string
	retry         time.Duration
}

// readAll gives every event and the error that ended the stream.
func readAll(r *sse.Reader) ([]event, error) {
	var all []event
	for {
		e, err := r.Next()
		if err != nil {
			return all, err
		}
		all = append(all, event{e.Type, string(e.Data), e.ID, e.Retry})
	}
}

func TestReader(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, in string
		want     []event
		err      error
	}{
		{"nothing", "", nil, io.EOF},
		{"one", "data: a\n\n", []event{{data: "a"}}, io.EOF},
		{"no space", "data:a\n\n", []event{{data: "a"}}, io.EOF},
		{"one space only", "data:  a\n\n", []event{{data: " a"}}, io.EOF},
		{"cr", "data: a\r\rdata: b\r\r", []event{{data: "a"}, {data: "b"}}, io.EOF},
		{"crlf", "data: a\r\n\r\ndata: b\r\n\r\n", []event{{data: "a"}, {data: "b"}}, io.EOF},
		{"mixed ends", "data: a\r\n\ndata: b\n\r\n", []event{{data: "a"}, {data: "b"}}, io.EOF},
		{"bom", "\ufeffdata: a\n\n", []event{{data: "a"}}, io.EOF},
		{"bom once", "data: a\n\n\ufeffdata: b\n\n", []event{{data: "a"}}, io.EOF},
		{"several lines", "data: a\ndata:\ndata: c\n\n", []event{{data: "a\n\nc"}}, io.EOF},
		{"empty data", "data\n\n", []event{{data: ""}}, io.EOF},
		{"two empty lines of data", "data\ndata\n\n", []event{{data: "\n"}}, io.EOF},
		{"comment", ": hello\ndata: a\n:\n\n: bye\n\n", []event{{data: "a"}}, io.EOF},
		{"name", "event: x\ndata: a\n\ndata: b\n\n", []event{{typ: "x", data: "a"}, {data: "b"}}, io.EOF},
		{"name without data", "event: x\n\ndata: b\n\n", []event{{data: "b"}}, io.EOF},
		{"id stays", "id: 7\ndata: a\n\ndata: b\n\nid\ndata: c\n\n", []event{{data: "a", id: "7"}, {data: "b", id: "7"}, {data: "c"}}, io.EOF},
		{"id with nul", "id: 7\nid: 8\x00\ndata: a\n\n", []event{{data: "a", id: "7"}}, io.EOF},
		{"retry", "retry: 2000\ndata: a\n\nretry: 2s\ndata: b\n\n", []event{{data: "a", retry: 2 * time.Second}, {data: "b"}}, io.EOF},
		{"unknown field", "foo: x\ndata: a\n\n", []event{{data: "a"}}, io.EOF},
		{"colons in data", "data: a:b: c\n\n", []event{{data: "a:b: c"}}, io.EOF},
		{"cut in event", "data: a\n\ndata: b\n", []event{{data: "a"}}, io.ErrUnexpectedEOF},
		{"cut in line", "data: a\n\ndata: b", []event{{data: "a"}}, io.ErrUnexpectedEOF},
		{"cut in first line", "data", nil, io.ErrUnexpectedEOF},
		{"cut in comment", "data: a\n\n: b\n", []event{{data: "a"}}, io.EOF},
		{"longest line", "data: " + strings.Repeat("x", 58) + "\n\n", []event{{data: strings.Repeat("x", 58)}}, io.EOF},
		{"line too long", "data: " + strings.Repeat("x", 59) + "\n\n", nil, sse.ErrTooLong},
		{"line without end", "data: " + strings.Repeat("x", 59), nil, sse.ErrTooLong},
		{"event too long", strings.Repeat("data: 123456789\n", 8) + "\n", nil, sse.ErrTooLong},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for name, r := range map[string]io.Reader{
				"whole":         strings.NewReader(tt.in),
				"byte by byte":  iotest.OneByteReader(strings.NewReader(tt.in)),
				"data with EOF": iotest.DataErrReader(strings.NewReader(tt.in)),
			} {
				got, err := readAll(sse.NewReader(r, 64))
				if !slices.Equal(got, tt.want) || !errors.Is(err, tt.err) {
					t.Errorf("%s: got %+v and %v\nwant %+v and %v", name, got, err, tt.want, tt.err)
				}
			}
		})
	}
}

// TestHandsOnAtOnce fails by a deadlock if an event is held back until
// something follows its empty line.
func TestHandsOnAtOnce(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"\n", "\r", "\r\n"} {
		pr, pw := io.Pipe()
		r := sse.NewReader(pr, 1<<10)
		for _, want := range []string{"a", "b", "c"} {
			wrote := make(chan struct{})
			go func() {
				defer close(wrote)
				_, _ = io.WriteString(pw, "data: "+want+end+end)
			}()
			e, err := r.Next()
			if err != nil || string(e.Data) != want {
				t.Fatalf("%q: got %q, %v", end, e.Data, err)
			}
			<-wrote
		}
		_ = pw.Close()
	}
}

// TestBeforeRead counts the reads: events that came together are given out
// without one between them.
func TestBeforeRead(t *testing.T) {
	t.Parallel()
	parts := []io.Reader{strings.NewReader("data: a\n\n: none\n\ndata: b\n\nda"), strings.NewReader("ta: c\n\n")}
	r := sse.NewReader(io.MultiReader(parts...), 1<<10)
	var got []string
	r.BeforeRead(func() { got = append(got, "read") })
	for {
		e, err := r.Next()
		if err != nil {
			break
		}
		got = append(got, string(e.Data))
	}
	if want := "read a b read c read"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", strings.Join(got, " "), want)
	}
}

func TestSourceErrorIsKept(t *testing.T) {
	t.Parallel()
	cut := errors.New("cut")
	r := sse.NewReader(io.MultiReader(strings.NewReader("data: a\n\ndata: b\n"), iotest.ErrReader(cut)), 1<<10)
	got, err := readAll(r)
	if len(got) != 1 || !errors.Is(err, cut) {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, again := r.Next(); !errors.Is(again, cut) {
		t.Errorf("the second time: %v", again)
	}
}

func TestReaderThatGivesNothing(t *testing.T) {
	t.Parallel()
	_, err := sse.NewReader(silent{}, 64).Next()
	if !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("got %v", err)
	}
}

type silent struct{}

func (silent) Read([]byte) (int, error) { return 0, nil }

// FuzzReader: whatever the bytes and however they are cut into reads, the same
// events come out, none over the limit.
func FuzzReader(f *testing.F) {
	f.Add([]byte("data: a\n\nevent: x\r\ndata: b\r\n\r\n"), 3)
	f.Add([]byte("\ufeffid: 1\rdata: a\rdata: b\r\r: c\n\n"), 1)
	f.Add([]byte("retry: 10\ndata\ndata\n\n"), 7)
	f.Fuzz(func(t *testing.T, in []byte, cut int) {
		const limit = 256
		whole, wholeErr := readAll(sse.NewReader(strings.NewReader(string(in)), limit))
		parts, partsErr := readAll(sse.NewReader(&chunked{in, 1 + abs(cut)%64}, limit))
		if !slices.Equal(whole, parts) || !errors.Is(partsErr, wholeErr) {
			t.Fatalf("whole %+v %v\nparts %+v %v", whole, wholeErr, parts, partsErr)
		}
		for _, e := range whole {
			if len(e.data) > limit {
				t.Fatalf("%d bytes of data", len(e.data))
			}
		}
	})
}

func abs(n int) int { return max(n, -(n + 1)) }

// chunked gives at most n bytes a read.
type chunked struct {
	left []byte
	n    int
}

func (c *chunked) Read(p []byte) (int, error) {
	if len(c.left) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.left[:min(c.n, len(c.left))])
	c.left = c.left[n:]
	return n, nil
}

func BenchmarkReader(b *testing.B) {
	line := `data: {"choices":[{"delta":{"content":"Hello","role":"assistant"},"index":0}],"created":1742632436,"id":"0217426318107460cfa43dc3f3683b1de1c09624ff49085a456ac","model":"doubao-1-5-pro-32k-250115","service_tier":"default","object":"chat.completion.chunk","usage":null}` + "\n\n"
	in := strings.Repeat(line, 1000)
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if n, err := readAll(sse.NewReader(strings.NewReader(in), 1<<20)); len(n) != 1000 {
			b.Fatal(len(n), err)
		}
	}
}
