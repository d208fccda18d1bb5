package demo_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"image/png"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/demo"
	"github.com/tintypehq/tintype/internal/probe"
	"github.com/tintypehq/tintype/pkg/tintype"
)

func TestLandscape(t *testing.T) {
	t.Parallel()
	data, err := demo.Landscape()
	if err != nil {
		t.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(data))
	if err != nil || picture.Bounds().Dx() != 960 || picture.Bounds().Dy() != 540 {
		t.Errorf("it is %v, %v", picture.Bounds(), err)
	}
	if len(data) > 100_000 {
		t.Errorf("it has %d bytes, too many to send along inline", len(data))
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	picture, err := demo.Landscape()
	if err != nil {
		t.Fatal(err)
	}
	film, err := os.ReadFile("../probe/testdata/front.mp4")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		data  []byte
		claim func(*tintype.Media)
		want  string // in the error; empty: none
	}{
		"picture":          {data: picture},
		"film":             {data: film},
		"other size":       {picture, func(m *tintype.Media) { m.Bytes++ }, "the API says"},
		"other hash":       {picture, func(m *tintype.Media) { m.SHA256 = strings.Repeat("0", 64) }, "SHA-256"},
		"other type":       {picture, func(m *tintype.Media) { m.Type = "image/jpeg" }, "is of type image/png, the API says image/jpeg"},
		"other dimensions": {picture, func(m *tintype.Media) { m.Width = 1 }, "is 960 × 540 pixels, the API says 1 × 540"},
		"cut picture":      {data: picture[:len(picture)-9], want: "is not whole"},
		"cut film":         {data: film[:len(film)-9], want: "is not whole"},
		"a page":           {data: []byte("<!DOCTYPE html><html></html>"), want: "is not whole"},
		"undecodable":      {data: paletteless(picture), want: "cannot be decoded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := claimed(c.data)
			if c.claim != nil {
				c.claim(&m)
			}
			err := demo.Check("the file", c.data, m)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "the file ")):
				t.Errorf("the error is %v, want it to say %q", err, c.want)
			}
		})
	}
}

// claimed is what an honest API says of a file.
func claimed(data []byte) tintype.Media {
	facts, _ := probe.Bytes(data) // what is broken claims what it can
	sum := sha256.Sum256(data)
	return tintype.Media{
		Type: facts.ContentType, Width: facts.Width, Height: facts.Height,
		Bytes: int64(len(data)), SHA256: hex.EncodeToString(sum[:]),
	}
}

// paletteless makes a PNG whose chunks are all in order and whose pixels are
// not: the image data is that of an empty chunk.
func paletteless(picture []byte) []byte {
	at := bytes.Index(picture, []byte("IDAT")) - 4
	end := bytes.Index(picture, []byte("IEND")) - 4
	empty := []byte{0, 0, 0, 0, 'I', 'D', 'A', 'T', 0x35, 0xaf, 0x06, 0x1e}
	return append(append(append([]byte{}, picture[:at]...), empty...), picture[end:]...)
}

func TestTimes(t *testing.T) {
	t.Parallel()
	const none = -1
	s := time.Second
	for name, c := range map[string]struct {
		line []tintype.Moment
		want [5]time.Duration // waiting, submit, generate, mirror, total
	}{
		"image, made within the submit call": {
			timeline(0, tintype.EventQueued, 1, tintype.EventAdmitted, 3, tintype.EventSubmitted, 4, tintype.EventMedia, 5, tintype.EventSucceeded),
			[5]time.Duration{s, none, 2 * s, 2 * s, 5 * s},
		},
		"video, asked after": {
			timeline(0, tintype.EventQueued, 1, tintype.EventAdmitted, 2, tintype.EventSubmitted, 4, tintype.EventProgress,
				9, tintype.EventProgress, 10, tintype.EventMedia, 11, tintype.EventMedia, 11, tintype.EventSucceeded),
			[5]time.Duration{s, s, 7 * s, 2 * s, 11 * s},
		},
		"admitted twice, since the first account refused": {
			timeline(0, tintype.EventQueued, 1, tintype.EventAdmitted, 4, tintype.EventAdmitted, 5, tintype.EventSubmitted,
				8, tintype.EventProgress, 9, tintype.EventMedia, 9, tintype.EventSucceeded),
			[5]time.Duration{4 * s, s, 3 * s, s, 9 * s},
		},
		"a log that is gone": {
			timeline(0, tintype.EventQueued, 3, tintype.EventSucceeded),
			[5]time.Duration{none, none, none, none, 3 * s},
		},
		"nothing": {nil, [5]time.Duration{none, none, none, none, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := demo.Times(&tintype.Job{Timeline: c.line}); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// timeline makes one of pairs: seconds, event.
func timeline(pairs ...any) []tintype.Moment {
	var line []tintype.Moment
	for i := 0; i < len(pairs); i += 2 {
		at, _ := pairs[i].(int)
		event, _ := pairs[i+1].(tintype.EventType)
		line = append(line, tintype.Moment{Event: event, At: time.Unix(int64(at), 0)})
	}
	return line
}

func TestQuote(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"one\ntwo\n":                    "  one\n  two",
		"red \x1b[31malert\x07\r":       "  red [31malert",
		strings.Repeat("长", 500):        "  " + strings.Repeat("长", 400) + "…",
		"right-to-left \u202e txet":     "  right-to-left txet",
		strings.Repeat("eight ch ", 10): "  " + strings.TrimSpace(strings.Repeat("eight ch ", 8)) + "\n  eight ch eight ch",
	} {
		if got := demo.Quote(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
