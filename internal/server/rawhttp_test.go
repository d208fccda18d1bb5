package server_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/server"
)

const (
	goodBody = `{"prompt":"x"}`
	probeGet = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
)

// rawPost is the head of a create call, without its end.
func rawPost() string {
	return "POST " + images + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + gatewayKey + "\r\nPrefer: respond-async\r\n"
}

// inChunks is a body as chunks.
func inChunks() string { return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(goodBody), goodBody) }

var statusLine = regexp.MustCompile(`HTTP/1\.[01] (\d{3})`)

// say writes to a connection of its own and gives the statuses of what is
// answered until the other side closes, or patience ends: then open is true. A
// server that closes before it has read all resets the connection.
func (h *house) say(text string, patience time.Duration) (statuses []string, open bool) {
	h.Helper()
	conn := h.dial()
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = io.WriteString(conn, text) // a server that has heard enough closes
	}()
	h.must(conn.SetReadDeadline(time.Now().Add(patience)))
	answer, err := io.ReadAll(conn)
	_ = conn.Close()
	<-written
	for _, m := range statusLine.FindAllSubmatch(answer, -1) {
		statuses = append(statuses, string(m[1]))
	}
	e, isNet := err.(net.Error) //nolint:errorlint // the connection's own error
	return statuses, isNet && e.Timeout()
}

// TestRawRequests: what is no HTTP, or only half, is refused, and its connection
// does not stay. Nothing comes of it.
func TestRawRequests(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) { c.Limits.HeaderTime, c.Limits.ReadStall = 300*ms, 300*ms }))
	get := func(head string) string { return "GET /v1/models HTTP/1.1\r\nHost: x\r\n" + head + "\r\n" }
	post := func(head, body string) string { return rawPost() + head + "\r\n" + body + probeGet }
	chunked := func(body string) string { return post("Transfer-Encoding: chunked\r\n", body) }
	for name, tt := range map[string]struct{ text, status string }{
		"a header of 2 MiB":              {get("X: " + strings.Repeat("a", 2<<20) + "\r\n"), "431"},
		"100,000 headers":                {get(strings.Repeat("A: b\r\n", 100_000)), "431"},
		"a path of 2 MiB":                {"GET /" + strings.Repeat("a", 2<<20) + " HTTP/1.1\r\nHost: x\r\n\r\n", "431"},
		"no host":                        {"GET /healthz HTTP/1.1\r\n\r\n", "400"},
		"two hosts":                      {get("Host: y\r\n"), "400"},
		"a host with a space":            {"GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n", "400"},
		"a header without a colon":       {get("nonsense\r\n"), "400"},
		"a space before the colon":       {get("Authorization : x\r\n"), "400"},
		"a zero byte in a header":        {get("X: \x00\r\n"), "400"},
		"a bare CR in a header":          {get("X: a\rb\r\n"), "400"},
		"HTTP/0.9":                       {"GET /healthz\r\n", "400"},
		"HTTP/3.7":                       {"GET /healthz HTTP/3.7\r\nHost: x\r\n\r\n", "505"},
		"HTTP/2":                         {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "404"},
		"TLS":                            {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "400"},
		"rubbish":                        {strings.Repeat("\x00\xff", 1000), "400"},
		"line ends":                      {"\r\n\r\n\r\n\r\n", "400"},
		"two lengths":                    {post("Content-Length: 14\r\nContent-Length: 4\r\n", goodBody), "400"},
		"a list of lengths":              {post("Content-Length: 14, 14\r\n", goodBody), "400"},
		"a negative length":              {post("Content-Length: -1\r\n", goodBody), "400"},
		"a length with a sign":           {post("Content-Length: +14\r\n", goodBody), "400"},
		"a length in hex":                {post("Content-Length: 0xe\r\n", goodBody), "400"},
		"a length beyond all numbers":    {post("Content-Length: 99999999999999999999\r\n", goodBody), "400"},
		"packed on the way":              {post("Transfer-Encoding: gzip, chunked\r\n", inChunks()), "501"},
		"an unknown transfer coding":     {post("Transfer-Encoding: xchunked\r\n", inChunks()), "501"},
		"identity as a transfer coding":  {post("Transfer-Encoding: identity\r\n", inChunks()), "501"},
		"chunked twice":                  {post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", inChunks()), "501"},
		"chunked behind a vertical tab":  {post("Transfer-Encoding: \x0bchunked\r\n", inChunks()), "400"},
		"a space before chunked's colon": {post("Transfer-Encoding : chunked\r\n", inChunks()), "400"},
		"an unknown expectation":         {post("Expect: a-miracle\r\nContent-Length: 14\r\n", goodBody), "417"},
		"an enormous chunk":              {chunked("ffffffffffffffff\r\n" + goodBody), "400"},
		"a chunk beyond all numbers":     {chunked("fffffffffffffffff\r\n" + goodBody), "400"},
		"a negative chunk":               {chunked("-5\r\n" + goodBody), "400"},
		"a chunk that goes on":           {chunked("e\r\n" + goodBody + "XX0\r\n\r\n"), "400"},
		"chunks with bare line feeds":    {chunked("e\n" + goodBody + "\n0\n\n"), "400"},
		"an endless chunk extension":     {chunked("e;" + strings.Repeat("x", 100_000) + "\r\n" + goodBody + "\r\n0\r\n\r\n"), "400"},
		"more extension than chunk":      {chunked(strings.Repeat("1;"+strings.Repeat("y", 100)+"\r\n \r\n", 3000) + inChunks()), "400"},
		"100,000 trailers":               {chunked("e\r\n" + goodBody + "\r\n0\r\n" + strings.Repeat("X-T: y\r\n", 100_000) + "\r\n"), "400"},
		"a body that never comes":        {rawPost() + "Content-Length: 14\r\n\r\n", "400"},
		"chunks that never come":         {rawPost() + "Transfer-Encoding: chunked\r\n\r\n", "400"},
		"a promise of 100 GB":            {rawPost() + "Content-Length: 99999999999\r\n\r\n" + goodBody, "413"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, open := h.say(tt.text, 8*time.Second)
			if open {
				t.Error("the connection stays")
			}
			// Where the server closes without having read all, its answer may be lost.
			if len(got) > 1 || len(got) == 1 && got[0] != tt.status || len(got) == 0 && len(tt.text) < 64<<10 {
				t.Errorf("answered %v, want %s", got, tt.status)
			}
		})
	}
	t.Cleanup(h.nothingHappened)
}

// TestUnsureLengths: a request that a proxy in front might measure otherwise is
// answered once, and nothing that follows it on its connection is heard.
func TestUnsureLengths(t *testing.T) {
	t.Parallel()
	h := open(t)
	follows := rawPost() + "Content-Length: 14\r\n\r\n" + goodBody // whose credential would that be?
	old := strings.Replace(rawPost(), "HTTP/1.1", "HTTP/1.0", 1) + "Connection: keep-alive\r\n"
	for name, tt := range map[string]struct{ text, status string }{
		"chunks and a length":         {rawPost() + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" + inChunks(), "202"},
		"chunks, then a length":       {rawPost() + "Transfer-Encoding: chunked\r\nContent-Length: 24\r\n\r\n" + inChunks(), "202"},
		"nothing, and a length":       {rawPost() + "Content-Length: 100\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
		"chunks":                      {rawPost() + "Transfer-Encoding: chunked\r\n\r\n" + inChunks(), "202"},
		"chunks behind a line's fold": {rawPost() + "Transfer-Encoding:\r\n chunked\r\n\r\n" + inChunks(), "202"},
		"chunks in HTTP/1.0":          {old + "Transfer-Encoding: chunked\r\nContent-Length: 14\r\n\r\n" + goodBody, "202"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, open := h.say(tt.text+follows, 8*time.Second); open || len(got) != 1 || got[0] != tt.status {
				t.Errorf("answered %v, the connection stays: %v", got, open)
			}
		})
	}
	t.Cleanup(func() {
		if n := len(h.bells()); n != 5 {
			t.Errorf("%d jobs of 5 requests", n)
		}
	})
}

// TestPipelining: requests that come all at once are answered one after the
// other, each once.
func TestPipelining(t *testing.T) {
	t.Parallel()
	h := open(t)
	const many = 50
	one := rawPost() + "Content-Length: 14\r\n\r\n" + goodBody
	conn := h.dial()
	h.must(conn.SetDeadline(time.Now().Add(20 * time.Second)))
	go func() { _, _ = io.WriteString(conn, strings.Repeat(one+probeGet, many)) }()
	r := bufio.NewReader(conn)
	ids := map[string]bool{}
	for range many {
		for _, want := range []int{http.StatusAccepted, http.StatusOK} {
			resp, err := http.ReadResponse(r, nil)
			h.must(err)
			_, err = io.Copy(io.Discard, resp.Body)
			h.must(err)
			_ = resp.Body.Close()
			if resp.StatusCode != want {
				t.Fatalf("%d, want %d", resp.StatusCode, want)
			}
			ids[resp.Header.Get("X-Job-Id")] = true
		}
	}
	if n := len(h.bells()); n != many || len(ids) != many+1 { // and none, of /healthz
		t.Errorf("%d jobs under %d ids of %d requests", n, len(ids), many)
	}
}

// TestSlowHeads: whoever brings its head byte by byte is not waited for, and
// leaves nothing behind.
func TestSlowHeads(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) { c.Limits.HeaderTime = 300 * ms }))
	head := []byte("GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("a", 10_000))
	closed := make(chan time.Duration)
	const many = 50
	for range many {
		conn := h.dial()
		began := time.Now()
		go func() {
			for i := range head {
				if _, err := conn.Write(head[i : i+1]); err != nil {
					break
				}
				time.Sleep(10 * ms) // the caller's own pace
			}
			closed <- time.Since(began)
		}()
	}
	for range many {
		if took := <-closed; took > 5*time.Second {
			t.Errorf("a head was waited for for %s", took)
		}
	}
	h.eventually(func() bool { return h.metric("tintype_http_connections") == "1" }) // the one that asks
}

// TestConnections: one connection too many is closed unheard, and there is room
// again when others have gone.
func TestConnections(t *testing.T) {
	t.Parallel()
	const most = 20
	h := open(t, configure(func(c *server.Config) { c.Limits.Connections = most }))
	var idle []net.Conn
	for range most {
		conn := h.dial()
		_, err := io.WriteString(conn, probeGet)
		h.must(err)
		if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%v %v", resp, err)
		}
		idle = append(idle, conn)
	}
	for range 5 {
		if got, open := h.say(rawPost()+"Content-Length: 14\r\n\r\n"+goodBody, 5*time.Second); open || len(got) != 0 {
			t.Errorf("one too many is answered %v, and stays: %v", got, open)
		}
	}
	for _, conn := range idle[:most/2] {
		h.must(conn.Close())
	}
	h.eventually(func() bool {
		got, _ := h.say("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 5*time.Second)
		return len(got) == 1
	})
	h.nothingHappened()
	if page := h.call(http.MethodGet, "/metrics", "").body; !strings.Contains(page, "tintype_http_connections_refused_total 5\n") &&
		!regexp.MustCompile(`tintype_http_connections_refused_total ([5-9]|\d\d)`).MatchString(page) {
		t.Error("the metric does not tell")
	}
}

// TestHostileJSON: a body costs no more than its bytes, whatever shape it has,
// and is refused for that shape or taken apart in no time. Not parallel: it
// counts the memory of the process.
func TestHostileJSON(t *testing.T) {
	deep := func(n int, open, end string) string { return strings.Repeat(open, n) + "0" + strings.Repeat(end, n) }
	wide := func(n int, one string) string { return strings.TrimSuffix(strings.Repeat(one+",", n), ",") }
	for name, tt := range map[string]struct {
		body  string
		taken bool
	}{
		"100,000 arrays deep":                {`{"prompt":"x","a":` + deep(100_000, "[", "]") + `}`, false},
		"100,000 objects deep":               {`{"prompt":"x","a":` + deep(100_000, `{"a":`, "}") + `}`, false},
		"100,000 deep, and no end":           {`{"prompt":"x","a":` + strings.Repeat("[", 100_000), false},
		"deep from the start":                {deep(100_000, "[", "]"), false},
		"deep behind a string of brackets":   {`{"prompt":"` + strings.Repeat("[", 3000) + `","a":` + deep(100_000, "[", "]") + `}`, false},
		"a million elements":                 {`{"prompt":"x","a":[` + wide(1_000_000, "0") + `]}`, true},
		"a million empty objects":            {`{"prompt":"x","a":[` + wide(1_000_000, "{}") + `]}`, true},
		"a million members":                  {`{"prompt":"x",` + wide(1_000_000, `"a":0`) + `}`, false},
		"a million members inside":           {`{"prompt":"x","a":{` + wide(1_000_000, `"a":0`) + `}}`, false},
		"a million prompts":                  {`{` + wide(1_000_000, `"prompt":"x"`) + `}`, false},
		"the last of two counts":             {`{"prompt":"x","prompt":7}`, false},
		"a number of a million digits":       {`{"prompt":` + strings.Repeat("9", 1_000_000) + `}`, false},
		"a number that is unknown, as large": {`{"prompt":"x","a":1e` + strings.Repeat("9", 1_000_000) + `}`, true},
		"a number beyond all numbers":        {`{"prompt":"x","stream":1e999999999}`, false},
		"not a number":                       {`{"prompt":"x","a":NaN}`, false},
		"infinity":                           {`{"prompt":"x","a":-Infinity}`, false},
		"a key of a million letters":         {`{"prompt":"x","` + strings.Repeat("k", 1_000_000) + `":0}`, true},
		"a wrong type of a million letters":  {`{"prompt":["` + strings.Repeat("k", 1_000_000) + `"]}`, false},
		"a wrong model of a million letters": {`{"prompt":"x","model":"` + strings.Repeat("k", 1_000_000) + `"}`, false},
		"escapes":                            {`{"prompt":"` + strings.Repeat(`\u0041`, 1_000_000) + `"}`, false},
		"half a surrogate":                   {`{"prompt":"\ud800"}`, true},
		"half an escape":                     {`{"prompt":"\u00"}`, false},
		"an escape that there is not":        {`{"prompt":"\x41"}`, false},
		"an escape in a key":                 {`{"pr\u006fmpt":"x"}`, true},
		"bytes that are no text":             {"{\"prompt\":\"\xff\xfe\xed\xa0\x80\"}", false},
		"a letter written too long":          {"{\"prompt\":\"\xc0\xaf\"}", false},
		"a zero byte":                        {"{\"prompt\":\"\x00\"}", false},
		"UTF-16":                             {"\xff\xfe{\x00\"\x00", false},
		"a comment":                          {`{"prompt":"x"/* */}`, false},
		"white space":                        {strings.Repeat(" ", 1_000_000) + `{"prompt":"x"}` + strings.Repeat("\n", 1_000_000), true},
		"a quote without an end":             {`{"prompt":"` + strings.Repeat(`\"`, 1_000_000), false},
		"backslashes without an end":         {`{"prompt":"` + strings.Repeat(`\\`, 1_000_001), false},
	} {
		before := allocated()
		began := time.Now()
		_, err := server.Decode(models(t), []byte(tt.body))
		took, bytes := time.Since(began), allocated()-before
		if most := uint64(8*len(tt.body) + 1<<20); bytes > most {
			t.Errorf("%s: %d bytes of memory for %d bytes of body", name, bytes, len(tt.body))
		}
		if took > 20*time.Second {
			t.Errorf("%s: took %s", name, took)
		}
		if tt.taken != (err == nil) {
			t.Errorf("%s: taken: %v, %v", name, err == nil, err)
		}
		if err != nil {
			refused(t, err, "")
			if n := len(err.Error()); n > 1000 {
				t.Errorf("%s: the answer has %d bytes", name, n)
			}
		}
	}
}

// TestHostileMessages is the same for a chat, which goes on to the upstream.
func TestHostileMessages(t *testing.T) {
	for name, messages := range map[string]string{
		"a million messages":          "[" + strings.TrimSuffix(strings.Repeat(`{"role":"user","content":"x"},`, 1_000_000), ",") + "]",
		"a million empty parts":       `[{"role":"user","content":[` + strings.TrimSuffix(strings.Repeat(`{},`, 1_000_000), ",") + `]}]`,
		"a million members":           `[{"role":"boss",` + strings.TrimSuffix(strings.Repeat(`"a":0,`, 1_000_000), ",") + `}]`,
		"a million roles":             `[{` + strings.TrimSuffix(strings.Repeat(`"role":"boss",`, 1_000_000), ",") + `}]`,
		"a role of a million letters": `[{"role":"` + strings.Repeat("r", 1_000_000) + `"}]`,
		"a URL of a million letters":  `[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:` + strings.Repeat("x", 1_000_000) + `,"}}]}]`,
	} {
		before := allocated()
		err := server.CheckMessages(t.Context(), []byte(messages))
		if bytes := allocated() - before; bytes > uint64(8*len(messages)+1<<20) {
			t.Errorf("%s: %d bytes of memory for %d", name, bytes, len(messages))
		}
		if err == nil {
			t.Errorf("%s: taken", name)
			continue
		}
		refused(t, err, "")
		if n := len(err.Error()); n > 1000 {
			t.Errorf("%s: the answer has %d bytes", name, n)
		}
	}
}
