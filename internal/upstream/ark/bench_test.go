package ark_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/ark"
)

// BenchmarkChat compares the driver with a bare exchange of the same bytes.
func BenchmarkChat(b *testing.B) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		reply(200, wholeAnswer)(w, r)
	}))
	b.Cleanup(srv.Close)
	b.Run("driver", func(b *testing.B) {
		d := benchDriver(b, srv.URL)
		b.ReportAllocs()
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := d.Chat(b.Context(), acc(), chat()); err != nil {
					b.Error(err)
				}
			}
		})
	})
	b.Run("bare", func(b *testing.B) {
		tr := &http.Transport{MaxIdleConnsPerHost: 512, DisableCompression: true}
		b.Cleanup(tr.CloseIdleConnections)
		b.ReportAllocs()
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				exchangeBare(b, tr, srv.URL)
			}
		})
	})
}

func exchangeBare(b *testing.B, tr *http.Transport, url string) {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url, strings.NewReader(`{"messages":[{"role":"user","content":"hi"}]}`))
	if err != nil {
		b.Error(err)
		return
	}
	res, err := tr.RoundTrip(req)
	if err != nil {
		b.Error(err)
		return
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
}

func benchDriver(b *testing.B, base string) *ark.Driver {
	b.Helper()
	d, err := ark.New(ark.Config{BaseURL: base})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(d.Close)
	return d
}

// BenchmarkChunks is the cost of a chunk, from the wire to the caller.
func BenchmarkChunks(b *testing.B) {
	const n = 1000
	data := bytes.Repeat([]byte("data: "+chunkHello+"\n\n"), n)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = w.Write(data)
		_, _ = io.WriteString(w, "data: [DONE]\n\n")
	}))
	b.Cleanup(srv.Close)
	d := benchDriver(b, srv.URL)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		s, err := d.ChatStream(b.Context(), acc(), chat())
		if err != nil {
			b.Fatal(err)
		}
		if got := countChunks(s); got != n {
			b.Fatal(got)
		}
	}
}

func countChunks(s upstream.ChatStream) int {
	defer func() { _ = s.Close() }()
	for n := 0; ; n++ {
		if _, err := s.Next(); err != nil {
			return n
		}
	}
}
