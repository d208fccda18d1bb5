package server_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/server"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/ark"
)

const cannedChat = `{"choices":[{"finish_reason":"stop","index":0,"logprobs":null,"message":{"content":"Hello! How can I help you today?","role":"assistant"}}],"created":1742631811,"id":"0217426318107460cfa43dc3f3683b1de1c09624ff49085a456ac","model":"doubao-seed-1-8-251228","service_tier":"default","object":"chat.completion","usage":{"completion_tokens":9,"prompt_tokens":19,"total_tokens":28,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}}`

// quickUpstream answers every chat at once with the same words.
func quickUpstream(b *testing.B) string {
	b.Helper()
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, cannedChat)
	}))
	b.Cleanup(up.Close)
	return up.URL
}

// BenchmarkChat compares a chat through the server with one through Echo and
// httputil.ReverseProxy, at 64 connections.
func BenchmarkChat(b *testing.B) {
	b.Run("server", func(b *testing.B) {
		up := quickUpstream(b)
		drv, err := ark.New(ark.Config{BaseURL: up + "/api/v3"})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(drv.Close)
		h := openBench(b, func(c *server.Config) {
			c.Drivers = map[string]upstream.Driver{"ark": drv}
		})
		hammer(b, h.url+chats)
	})
	b.Run("floor", func(b *testing.B) {
		target, err := url.Parse(quickUpstream(b))
		if err != nil {
			b.Fatal(err)
		}
		e := echo.New()
		proxy := httputil.NewSingleHostReverseProxy(target)
		proxy.Transport = &http.Transport{MaxIdleConnsPerHost: 128}
		e.POST(chats, echo.WrapHandler(proxy))
		front := httptest.NewServer(e)
		b.Cleanup(front.Close)
		hammer(b, front.URL+chats)
	})
}

// hammer posts chats over 64 connections.
func hammer(b *testing.B, to string) {
	b.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	c := &http.Client{Transport: transport}
	b.Cleanup(transport.CloseIdleConnections)
	b.SetParallelism(32) // × GOMAXPROCS
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			req, _ := http.NewRequest(http.MethodPost, to, strings.NewReader(ask("hello", `,"model":"doubao"`)))
			req.Header.Set("Authorization", "Bearer "+gatewayKey)
			req.Header.Set("Content-Type", "application/json")
			resp, err := c.Do(req)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				b.Errorf("status %d", resp.StatusCode)
				return
			}
		}
	})
}
