package server_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"image"
	"image/png"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/blob/fileblob"
	"github.com/tintypehq/tintype/internal/fetch"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/openapi/openapitest"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/server"
	"github.com/tintypehq/tintype/internal/testlog"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/ark"
	"github.com/tintypehq/tintype/internal/upstream/sim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The upstream's model ids behind the public names.
const (
	seedream = "doubao-seedream-4-0-250828"
	seedance = "doubao-seedance-1-0-pro-250528"
	chatID   = "doubao-seed-1-8-251228"
)

const (
	gatewayKey = "tt_test_key"
	otherKey   = "tt_other_key"
)

// house is a server with everything it needs: a store, a bucket and a
// simulated upstream, which the real driver speaks to. The worker is played by
// hand, so that a test decides what happens when.
type house struct {
	testing.TB
	url   string
	store *redisstore.Store
	blobs blob.Store
	sim   *sim.Simulator
	redis *miniredis.Miniredis
	rdb   *redis.Client
	dir   string // of the bucket
	log   *testlog.Book
	cfg   server.Config
	stop  func() // ends the server as SIGTERM does, and waits
	deaf  func() // ends the news, and waits

	gets atomic.Int64 // GET requests that reached the upstream

	mu   sync.Mutex
	rung []job.Bell
}

// options change what open builds.
type options struct {
	config func(*server.Config)
	sim    sim.Config
	grace  time.Duration
	chat   []account.Account
	shared bool // the store knows these accounts
}

func openBench(b *testing.B, config func(*server.Config)) *house {
	b.Helper()
	return build(b, configure(config))
}

func open(t *testing.T, change ...func(*options)) *house {
	t.Helper()
	return build(t, change...)
}

func build(tb testing.TB, change ...func(*options)) *house {
	tb.Helper()
	o := options{grace: 5 * time.Second, config: func(*server.Config) {}, sim: sim.Config{ChatChunkDelay: time.Millisecond}}
	for _, c := range change {
		c(&o)
	}
	h := &house{TB: tb, log: &testlog.Book{}}
	h.openRedis()
	h.openUpstream(o.sim)
	drv, err := ark.New(ark.Config{BaseURL: h.simURL() + "/api/v3"})
	h.must(err)
	tb.Cleanup(drv.Close)
	inputs := fetch.New(fetch.Config{
		AllowHTTP: true, AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, ConnectTimeout: 2 * time.Second,
	})
	tb.Cleanup(inputs.Close)
	news := h.store.NewNews(time.Hour)
	if o.chat == nil {
		o.chat = []account.Account{pooled("a1")}
	}
	h.cfg = server.Config{
		Store: h.store, News: news, Ring: h.ring, Blobs: h.blobs, Models: models(tb), Inputs: inputs,
		Drivers: map[string]upstream.Driver{"ark": drv},
		Auth: server.Auth{
			AllowPooled: true, PassThrough: true, TenantSecret: []byte("0123456789abcdef"),
			Keys: []server.GatewayKey{{Name: "test", SHA256: sha256.Sum256([]byte(gatewayKey))}, {Name: "other", SHA256: sha256.Sum256([]byte(otherKey))}},
		},
		CORSOrigins: []string{"*"}, Log: slog.New(slog.NewJSONHandler(h.log, nil)), Version: "test",
	}
	o.config(&h.cfg)
	srv, err := server.New(h.cfg)
	h.must(err)
	srv.SetAccounts("ark", o.chat)
	if o.shared {
		h.must(h.store.SyncAccounts(tb.Context(), "ark", o.chat))
	}
	h.serve(srv, news, o.grace)
	tb.Cleanup(func() { _ = h.rdb.Close() })
	return h
}

func configure(f func(*server.Config)) func(*options) {
	return func(o *options) { o.config = f }
}

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func (h *house) openRedis() {
	h.Helper()
	h.redis = miniredis.RunT(h.TB)
	h.rdb = redis.NewClient(&redis.Options{Addr: h.redis.Addr(), ContextTimeoutEnabled: true, MaxRetries: -1})
	keys, err := account.NewKeyRing([]account.Secret{account.NewKey("k1")})
	h.must(err)
	h.store = redisstore.New(redisstore.Config{Client: h.rdb, Lease: time.Minute, Keys: keys})
	h.must(h.store.SyncAccounts(h.Context(), "ark", []account.Account{{ID: "a1", Upstream: "ark", Secret: account.NewSecret("sim-a1"), MaxInFlight: 100}}))
	h.dir = h.TempDir()
	files, err := fileblob.Open(fileblob.Config{Dir: h.dir})
	h.must(err)
	h.Cleanup(func() { _ = files.Close() })
	h.blobs = files
}

func (h *house) openUpstream(c sim.Config) {
	h.sim = sim.New(c)
	h.Cleanup(h.sim.Close)
}

func (h *house) simURL() string {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			h.gets.Add(1)
		}
		h.sim.ServeHTTP(w, r)
	}))
	h.Cleanup(up.Close)
	return up.URL
}

// checked counts how often the upstream was asked about a credential.
func (h *house) checked() int { return int(h.gets.Load()) }

// dataURI is a picture as callers send one.
func (h *house) dataURI(b []byte) string {
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(b)
}

// page serves a file and gives its URL, which claims to be something else.
func (h *house) page(b []byte) string {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write(b)
	}))
	h.Cleanup(web.Close)
	return web.URL + "/a%20cat.txt?x=1"
}

// serve runs server and news until the test ends.
func (h *house) serve(srv *server.Server, news *redisstore.News, grace time.Duration) {
	h.Helper()
	ln, err := new(net.ListenConfig).Listen(h.Context(), "tcp", "127.0.0.1:0")
	h.must(err)
	h.url = "http://" + ln.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	newsCtx, endNews := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = news.Run(newsCtx) })
	done := make(chan error, 1)
	go func() { done <- srv.Run(ctx, ln, grace) }()
	h.deaf = func() { endNews(); wg.Wait() }
	h.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			h.Errorf("Run: %v", err)
		}
		h.deaf()
	})
	h.Cleanup(h.stop)
}

// twin is another process of the same service.
func (h *house) twin() *house { h.Helper(); return h.twinWith() }

// twinWith is one that has pooled accounts.
func (h *house) twinWith(accounts ...account.Account) *house {
	h.Helper()
	t := &house{TB: h.TB, store: h.store, blobs: h.blobs, redis: h.redis, rdb: h.rdb, log: h.log, sim: h.sim, cfg: h.cfg}
	t.cfg.Metrics, t.cfg.News = nil, h.store.NewNews(time.Hour)
	srv, err := server.New(t.cfg)
	h.must(err)
	srv.SetAccounts("ark", accounts)
	t.serve(srv, t.cfg.News, time.Second)
	return t
}

func pooled(id string) account.Account {
	return account.Account{ID: id, Upstream: "ark", Secret: account.NewSecret("sim-" + id), MaxInFlight: 100}
}

// none is no account; pooledOne the first with few slots.
var none []account.Account

func pooledOne(slots int) account.Account {
	a := pooled("a1")
	a.MaxInFlight = slots
	return a
}

// dial opens a bare connection to the server.
func (h *house) dial() net.Conn {
	h.Helper()
	conn, err := new(net.Dialer).DialContext(h.Context(), "tcp", strings.TrimPrefix(h.url, "http://"))
	h.must(err)
	h.Cleanup(func() { _ = conn.Close() })
	return conn
}

func models(tb testing.TB) *upstream.Registry {
	tb.Helper()
	image, _ := ark.ProfileOf(seedream, "")
	video, _ := ark.ProfileOf(seedance, "")
	r, err := upstream.NewRegistry([]upstream.Model{
		{Name: "doubao", Kind: upstream.ChatModel, Upstream: "ark", ID: chatID, Default: true, Thinking: "disabled"},
		{Name: "Seedream 4.0", Aliases: []string{"seedream"}, Kind: upstream.ImageModel, Upstream: "ark", ID: seedream, Default: true, Ratios: []string{"1:1", "16:9", "9:16"}, ReferenceImages: 1, Input: image.Input},
		{Name: "text only", Kind: upstream.ImageModel, Upstream: "ark", ID: seedream, Ratios: []string{"16:9"}},
		{Name: "doubao-video", Kind: upstream.VideoModel, Upstream: "ark", ID: seedance, Default: true, Ratios: []string{"16:9", "1:1"}, ReferenceImages: 1, Input: video.Input},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// ring notes the bells, as a queue would.
func (h *house) ring(_ context.Context, bells ...job.Bell) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rung = append(h.rung, bells...)
	return nil
}

func (h *house) bells() []job.Bell {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]job.Bell(nil), h.rung...)
}

// answer is a response, read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

// call makes a request with the gateway key, which headers may replace: pairs
// of name and value; an empty value takes the header away.
func (h *house) call(method, path, body string, headers ...string) answer {
	h.Helper()
	resp := h.open(h.Context(), method, path, strings.NewReader(body), headers...)
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		h.Fatalf("%s %s: %v after %q", method, path, err, b)
	}
	h.described(resp, []byte(body), b)
	return answer{resp.StatusCode, resp.Header, string(b)}
}

// described holds a call against the description of the API. The largest bodies
// are of tests that count the memory of this process.
func (h *house) described(resp *http.Response, asked, answered []byte) {
	h.Helper()
	if len(asked)+len(answered) > 1<<20 {
		return
	}
	err := openapitest.Check(openapitest.Exchange{
		Method: resp.Request.Method, URL: resp.Request.URL.String(), RequestBody: asked, Request: resp.Request.Header,
		Status: resp.StatusCode, Response: resp.Header, Body: answered,
	})
	if err != nil {
		h.Errorf("not as internal/openapi/openapi.yaml has it: %v", err)
	}
}

// open makes a request and leaves the body to be read.
func (h *house) open(ctx context.Context, method, path string, body io.Reader, headers ...string) *http.Response {
	h.Helper()
	req, err := http.NewRequestWithContext(ctx, method, h.url+path, body)
	h.must(err)
	req.Header.Set("Authorization", "Bearer "+gatewayKey)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Del(headers[i])
		if headers[i+1] != "" {
			req.Header.Add(headers[i], headers[i+1])
		}
	}
	resp, err := client.Do(req)
	h.must(err)
	return resp
}

// client keeps no connections, so that a test leaves none behind.
var client = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// errorOf reads the error of an answer and insists on its form.
func errorOf(t *testing.T, body string) (code, param, message string) {
	t.Helper()
	var e struct {
		Error map[string]any `json:"error"`
	}
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Fatalf("not an error body: %q", body)
	}
	for _, key := range []string{"message", "type", "param", "code"} {
		if _, ok := e.Error[key]; !ok {
			t.Errorf("the error has no %q: %s", key, body)
		}
	}
	code, _ = e.Error["code"].(string)
	param, _ = e.Error["param"].(string)
	message, _ = e.Error["message"].(string)
	return code, param, message
}

// create starts a job and gives its id at once.
func (h *house) create(path, body string, headers ...string) job.ID {
	h.Helper()
	a := h.call(http.MethodPost, path, body, append([]string{"Prefer", "respond-async"}, headers...)...)
	if a.status != http.StatusAccepted {
		h.Fatalf("create: %d %s", a.status, a.body)
	}
	return job.ID(a.header.Get("X-Job-Id"))
}

const (
	images = "/v1/images/generations"
	videos = "/v1/video/generations"
	chats  = "/v1/chat/completions"
)

// picture is a PNG of a size that does not compress away.
func picture(t *testing.T, w, h int) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, w, h))
	src := rand.New(rand.NewPCG(1, 2))
	for i := range img.Pix {
		img.Pix[i] = byte(src.Uint32())
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func parseID(tb testing.TB, id any) job.ID {
	tb.Helper()
	var text string
	switch v := id.(type) {
	case string:
		text = v
	case job.ID:
		text = string(v)
	}
	parsed, ok := job.ParseID(text)
	if !ok {
		tb.Fatalf("not a job's id: %v", id)
	}
	return parsed
}
