package blob_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tintypehq/tintype/internal/blob"
)

func TestCheckKey(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("k", blob.MaxKeyBytes)
	for _, key := range []string{"a", "a/b/c.mp4", "A-Z_0.9", "...", ".hidden", long} {
		if err := blob.CheckKey(key); err != nil {
			t.Errorf("%.20q: %v", key, err)
		}
	}
	for _, key := range []string{
		"", "/", "/a", "a/", "a//b", ".", "..", "a/./b", "a/../b", "../a", "a b", "a\\b", "a\x00", "a\n", "é", "a+b",
		"a%2fb", "a:b", "~a", "a?b", "a#b", "\xff", long + "k",
	} {
		if err := blob.CheckKey(key); !errors.Is(err, blob.ErrBadKey) {
			t.Errorf("%.20q: %v, want ErrBadKey", key, err)
		}
	}
}

func TestExact(t *testing.T) {
	t.Parallel()
	errBroken := errors.New("broken")
	tests := []struct {
		name string
		body io.Reader
		size int64
		want error // nil: all came
	}{
		{"right", strings.NewReader("hello"), 5, nil},
		{"byte by byte", iotest.OneByteReader(strings.NewReader("hello")), 5, nil},
		{"with its end", iotest.DataErrReader(strings.NewReader("hello")), 5, nil},
		{"empty", strings.NewReader(""), 0, nil},
		{"unknown", strings.NewReader("hello"), blob.UnknownSize, nil},
		{"shorter", strings.NewReader("hell"), 5, blob.ErrSize},
		{"nothing", strings.NewReader(""), 5, blob.ErrSize},
		{"longer", strings.NewReader("hello!"), 5, blob.ErrSize},
		{"not empty", strings.NewReader("h"), 0, blob.ErrSize},
		{"fails", io.MultiReader(strings.NewReader("he"), iotest.ErrReader(errBroken)), 5, errBroken},
		{"fails at its end", io.MultiReader(strings.NewReader("hello"), iotest.ErrReader(errBroken)), 5, errBroken},
		{"fails with its end", &failing{"hello", errBroken}, 5, errBroken},
		{"never ends", iotest.OneByteReader(io.MultiReader(strings.NewReader("hello"), idle{})), 5, io.ErrNoProgress},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := blob.Exact(tt.body, tt.size)
			var got bytes.Buffer
			_, err := io.CopyBuffer(struct{ io.Writer }{&got}, r, make([]byte, 3))
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if tt.want != nil && int64(got.Len()) >= tt.size && tt.size > 0 {
				t.Errorf("gave out %q, the whole of a wrong body", got.String())
			}
			if tt.want == nil && tt.size >= 0 && int64(got.Len()) != tt.size {
				t.Errorf("gave out %q", got.String())
			}
		})
	}
}

// failing gives its bytes and its error in one Read.
type failing struct {
	data string
	err  error
}

func (f *failing) Read(p []byte) (int, error) {
	n := copy(p, f.data)
	if f.data = f.data[n:]; f.data != "" {
		return n, nil
	}
	return n, f.err
}

// idle is a reader without data and without an end.
type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }
