package tintype_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/tintypehq/tintype/pkg/tintype"
)

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// serveCut serves the film as net/http does, with a tag, and cuts the connection
// after some bytes, each time.
func serveCut(tag string, after int64, ranges bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !ranges {
			r.Header.Del("Range")
		}
		w.Header().Set("ETag", tag)
		http.ServeContent(&cutWriter{w, after}, r, "film.mp4", time.Time{}, bytes.NewReader(film))
	}
}

type cutWriter struct {
	http.ResponseWriter
	left int64
}

func (w *cutWriter) Write(b []byte) (int, error) {
	if int64(len(b)) > w.left {
		_, _ = w.ResponseWriter.Write(b[:w.left])
		_ = http.NewResponseController(w.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	w.left -= int64(len(b))
	return w.ResponseWriter.Write(b)
}

// TestDownloadOverCuts: the file arrives whole and each byte once, over as many
// connections as it takes.
func TestDownloadOverCuts(t *testing.T) {
	t.Parallel()
	tag := `"` + hexSum(film) + `"`
	half := int64(len(film))/2 + 1
	for _, tt := range []struct {
		name  string
		steps []http.HandlerFunc
		want  string // SHA-256 that the caller knows
		asked int
	}{
		{"whole", []http.HandlerFunc{serveCut(tag, 1<<30, true)}, hexSum(film), 1},
		{"many cuts", []http.HandlerFunc{serveCut(tag, 200_000, true)}, hexSum(film), 9},
		{"without ranges", []http.HandlerFunc{serveCut(tag, half, false), serveCut(tag, 1<<30, false)}, hexSum(film), 2},
		{"without a tag", []http.HandlerFunc{serveCut("", half, true), serveCut("", half, true)}, hexSum(film), 2},
		{"without a sum", []http.HandlerFunc{serveCut(tag, half, true), serveCut(tag, half, true)}, "", 2},
		{"not there for a while", []http.HandlerFunc{status(503), lost, serveCut(tag, half, true), status(502), lost, lost, lost, serveCut(tag, half, true)}, hexSum(film), 8},
		{"silence", []http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", tag)
			w.Header().Set("Content-Length", fmt.Sprint(len(film)))
			_, _ = w.Write(film[:100])
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, serveCut(tag, 1<<30, true)}, hexSum(film), 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := &mill{steps: tt.steps}
			inFakeTime(t, m, func(t *testing.T, c *tintype.Client) {
				var file bytes.Buffer
				n, err := c.Media.Download(t.Context(), tintype.Media{URL: "/film.mp4", SHA256: tt.want}, &file)
				if err != nil || n != int64(len(film)) || !bytes.Equal(file.Bytes(), film) {
					t.Errorf("%d of %d bytes, %v", n, len(film), err)
				}
				equal(t, "asked", len(m.said()), tt.asked)
			})
		})
	}
}

// TestDownloadOfAnotherFile: nothing is pieced together of two files, and a wrong
// one is not taken for right.
func TestDownloadOfAnotherFile(t *testing.T) {
	t.Parallel()
	half := int64(len(film))/2 + 1
	other := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(bytes.ToUpper(film)) }
	wrongPlace := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes 5-%d/%d", len(film)-1, len(film)))
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(film[5:])
	}
	wrong := func(err error) bool { return errors.Is(err, tintype.ErrWrongFile) }
	for _, tt := range []struct {
		name  string
		steps []http.HandlerFunc
		want  string
		check func(error) bool
	}{
		{"another tag", []http.HandlerFunc{serveCut(`"a"`, half, true), serveCut(`"b"`, half, true)}, "", wrong},
		{"other bytes, no tag", []http.HandlerFunc{serveCut("", half, true), other}, "", wrong},
		{"another sum", []http.HandlerFunc{other}, hexSum(film), wrong},
		{"another sum than the tag", []http.HandlerFunc{serveCut(`"`+hexSum([]byte("x"))+`"`, 1<<30, true)}, "", wrong},
		{"another place", []http.HandlerFunc{serveCut("", half, true), wrongPlace}, "", func(err error) bool { return err != nil }},
		{"cut again and again", []http.HandlerFunc{serveCut("", half, true), lost}, "", func(err error) bool { return errors.Is(err, io.EOF) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := &mill{steps: tt.steps}
			inFakeTime(t, m, func(t *testing.T, c *tintype.Client) {
				if _, err := c.Media.Download(t.Context(), tintype.Media{URL: "/film.mp4", SHA256: tt.want}, io.Discard); !tt.check(err) {
					t.Errorf("error is %v", err)
				}
			})
		})
	}
}
