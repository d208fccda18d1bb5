package sim_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sim"
)

// BenchmarkGet asks for one of 5,000 running videos, without the network.
func BenchmarkGet(b *testing.B) {
	s := sim.New(sim.Config{VideoTime: time.Hour, Defaults: sim.Account{RPM: -1, MaxRunning: -1}})
	defer s.Close()
	serve := func(method, path, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer sim-bench")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatalf("%d %s", w.Code, w.Body)
		}
		return w
	}
	var paths []string
	for i := range 5000 {
		body := serve("POST", taskRoute, videoOf(fmt.Sprint("video ", i))).Body.String()
		_, id, _ := strings.Cut(body, `{"id":"`)
		paths = append(paths, taskRoute+"/"+strings.TrimSuffix(id, `"}`))
	}
	b.ResetTimer()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		serve("GET", paths[i%len(paths)], "")
		i++
	}
}

// BenchmarkImage makes and reads an image of four megapixels.
func BenchmarkImage(b *testing.B) {
	s := sim.New(sim.Config{ImageTime: -1, Defaults: sim.Account{IPM: -1}})
	defer s.Close()
	i := 0
	for b.Loop() {
		i++
		r := httptest.NewRequest("POST", imageRoute, strings.NewReader(imageOf(fmt.Sprint("image ", i), obj{"response_format": "b64_json"})))
		r.Header.Set("Authorization", "Bearer sim-bench")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatalf("%d %s", w.Code, w.Body)
		}
	}
}
