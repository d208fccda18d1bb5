package e2e_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// What the attacked API may hold, and what it may take for that: a base, and
// what it takes to take the bodies apart.
const (
	bodyLimit   = 32 << 20
	bodyBudget  = 128 << 20
	memoryLimit = 128<<20 + 4*bodyBudget
	connections = 400
)

// memory gives one of the kernel's figures on a process, in bytes: VmRSS is what
// it holds, VmHWM the most that it ever held.
func (p *program) memory(t *testing.T, figure string) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), figure+":")
	kB, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, err := strconv.Atoi(kB)
	if err != nil {
		t.Fatalf("%s: %v", figure, err)
	}
	return n << 10
}

// attacker opens connections to one API and holds them until it is let go.
type attacker struct {
	*testing.T
	addr string
	mu   sync.Mutex
	all  []net.Conn
	busy sync.WaitGroup
}

// open writes texts to a connection, one after the other, and notes the status
// that it gets for it; "" if it is closed without one, or is still open at the
// end.
func (a *attacker) open(note func(status string), texts ...string) {
	conn, err := net.DialTimeout("tcp", a.addr, 30*time.Second)
	if err != nil {
		a.Errorf("dial: %v", err)
		return
	}
	a.mu.Lock()
	a.all = append(a.all, conn)
	a.mu.Unlock()
	a.busy.Add(2)
	go func() {
		defer a.busy.Done()
		for _, text := range texts {
			if _, err := io.WriteString(conn, text); err != nil {
				return // it has heard enough
			}
		}
	}()
	go func() {
		defer a.busy.Done()
		head := make([]byte, 12)
		n, _ := io.ReadFull(conn, head)
		note(strings.TrimPrefix(string(head[:n]), "HTTP/1.1 "))
	}()
}

// letGo closes all connections and waits for their ends.
func (a *attacker) letGo() {
	a.mu.Lock()
	for _, conn := range a.all {
		_ = conn.Close()
	}
	a.all = nil
	a.mu.Unlock()
	a.busy.Wait()
}

// tally counts answers by their status.
type tally struct {
	mu sync.Mutex
	by map[string]int
}

func (c *tally) note(status string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = map[string]int{}
	}
	c.by[status]++
}

func (c *tally) count(status string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.by[status]
}

// total waits until so many answers were noted.
func (c *tally) total(t *cluster, n int) {
	t.Helper()
	err := until(t.ctx(), func() error {
		sum := 0
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, k := range c.by {
			sum += k
		}
		if sum < n {
			return errNotYet
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func postHead(length int) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n", imagePath, gatewayKey, length)
}

// TestMemoryUnderAttack: an API as it is shipped stays within its limits,
// whatever comes: bodies that stop before their end, heads that never end, files
// that are to be fetched, connections that say nothing, JSON of every shape, readers that do not read.
// All of them are refused or cut, honest callers are served as soon as there is
// room, and nothing is made or paid for.
func TestMemoryUnderAttack(t *testing.T) {
	t.Parallel()
	c := start(t)
	api := c.program("plain-api", plainAPI)
	api.env = append(api.env,
		fmt.Sprintf("TINTYPE_LIMITS_BODY=%d", bodyLimit), fmt.Sprintf("TINTYPE_LIMITS_BODY_BUDGET=%d", bodyBudget), "TINTYPE_LIMITS_IMAGE_BYTES=20MiB",
		"TINTYPE_LIMITS_READ_STALL=1s", "TINTYPE_LIMITS_WRITE_STALL=1s", "TINTYPE_LIMITS_WAITING_PER_PROCESS=300", fmt.Sprintf("TINTYPE_LIMITS_CONNECTIONS=%d", connections))
	t.Cleanup(func() { c.closeAll(api) })
	c.run(api)
	film := c.succeeded(api, gatewayKey, c.post(api, videoPath, gatewayKey, c.prompt("waves sim:size=20MB")))
	before := c.everything()
	idle := api.memory(t, "VmRSS")
	for _, phase := range []struct {
		name   string
		attack func(*attacker, *tally)
	}{
		{"slow bodies and heads", func(a *attacker, got *tally) {
			c.slowHeads(a, got)
			c.slowBodies(a, got)
		}},
		{"pictures from afar", c.picturesFromAfar},
		{"idle connections", c.idleConnections},
		{"shapes of JSON", c.shapesOfJSON},
		{"readers that do not read", func(a *attacker, got *tally) { c.slowReaders(a, got, film.Media[0].URL) }},
	} {
		began := time.Now()
		a, got := &attacker{T: t, addr: strings.TrimPrefix(api.base(), "http://")}, &tally{}
		phase.attack(a, got)
		a.letGo()
		t.Logf("%s: %s, answers %v, at most %d MiB so far", phase.name, time.Since(began).Round(time.Millisecond), got.by, api.memory(t, "VmHWM")>>20)
		if err := until(t.Context(), func() error { return api.ready(t.Context()) }); err != nil {
			t.Fatal(err)
		}
	}
	if most := api.memory(t, "VmHWM"); most > memoryLimit {
		t.Errorf("the API took %d MiB, more than %d; idle it has %d", most>>20, memoryLimit>>20, idle>>20)
	}
	if after := c.everything(); after["submissions"] != before["submissions"] || after["charges"] != before["charges"] || after["objects"] != before["objects"] {
		t.Errorf("before: %v\nafter: %v", before, after)
	}
	c.succeeded(api, gatewayKey, c.post(api, imagePath, gatewayKey, c.prompt("an honest cat")))
}

// slowBodies: 64 bodies of 32 MiB, each without its last bytes. There is room for
// four; whoever comes meanwhile is told to come back, and the four are cut. How many
// come meanwhile is up to how fast the machine sends.
func (c *cluster) slowBodies(a *attacker, got *tally) {
	const many = 64
	most := strings.Repeat(" ", bodyLimit-1<<10)
	for range many {
		a.open(got.note, postHead(bodyLimit), most)
	}
	health := c.call(request{url: "http://" + a.addr + "/healthz"})
	if health.status != http.StatusOK || health.took > 30*time.Second {
		c.Errorf("/healthz: %d after %s", health.status, health.took)
	}
	got.total(c, many+slowHeads)
	if got.count("503") == 0 || got.count("503")+got.count("400") != many || got.count("") != slowHeads {
		c.Errorf("slow bodies are answered %v", got.by)
	}
}

const slowHeads = 100

// slowHeads: requests whose head is large and never ends. They are cut unheard.
func (c *cluster) slowHeads(a *attacker, got *tally) {
	for range slowHeads {
		a.open(got.note, "GET /v1/models HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("a", 60<<10))
	}
}

// idleConnections: more connections than there may be, most of which say nothing.
func (c *cluster) idleConnections(a *attacker, got *tally) {
	const tooMany = 100
	for range connections + tooMany {
		a.open(got.note, "")
	}
	got.total(c, tooMany) // the others are still open
	if got.count("") < tooMany {
		c.Errorf("idle connections are answered %v", got.by)
	}
}

// shapesOfJSON: bodies as large as they may be, of shapes that cost a careless
// reader many times their bytes; a few at once.
func (c *cluster) shapesOfJSON(a *attacker, got *tally) {
	const size = bodyLimit - 1<<10
	fill := func(head, one, tail string) string {
		return head + strings.Repeat(one, (size-len(head)-len(tail))/len(one)) + tail
	}
	shapes := []string{
		fill(`{"prompt":"x","a":`, "[", ""), fill(`{"prompt":"x","a":`, `{"a":`, ""), fill(`{"a":[`, "0,", `0]}`), fill(`{"a":[`, "{},", `0]}`),
		fill(`{`, `"a":0,`, `"b":0}`), fill(`{"a":{`, `"a":0,`, `"b":0}}`), fill(`{"prompt":"`, `\u0041`, `"}`), fill(`{"prompt":`, "9", `}`),
		fill(`{"prompt":"x","image":"`, "AAAA", `"}`), fill(`{"prompt":"x","model":"`, "m", `"}`), fill(`{"prompt":"x","image":"data:image/png;base64,`, "%41", `"}`),
		`{"prompt":"x","image":"` + base64.StdEncoding.EncodeToString(bigPNG()) + `"}`,
	}
	for _, shape := range shapes {
		a.open(got.note, postHead(len(shape)), shape)
	}
	got.total(c, len(shapes))
	if got.count("400")+got.count("404")+got.count("503") != len(shapes) { // 404: of a model of so long a name
		c.Errorf("shapes of JSON are answered %v", got.by)
	}
}

// picturesFromAfar: small requests that have a large file fetched, which comes
// quickly but for its end. The two that there is room for are cut in time.
func (c *cluster) picturesFromAfar(a *attacker, got *tally) {
	const many, size = 64, 19 << 20
	over := make(chan struct{})
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(size))
		_, _ = w.Write(make([]byte, size-1))
		_ = http.NewResponseController(w).Flush()
		select {
		case <-over:
		case <-r.Context().Done():
		}
	}))
	defer site.Close()
	defer close(over)
	body := encode(fields{"prompt": "x", "image": site.URL + "/x.png"})
	for range many {
		a.open(got.note, postHead(len(body)), body)
	}
	got.total(c, many)
	if got.count("400")+got.count("503") != many || got.count("503") < many/8 { // how many go by before they are cut is the machine's affair
		c.Errorf("pictures from afar are answered %v", got.by)
	}
}

// bigPNG is the head of a picture of 40,000 × 40,000.
func bigPNG() []byte {
	b := blank(8, 8)
	copy(b[16:], []byte{0, 0, 0x9c, 0x40, 0, 0, 0x9c, 0x40})
	return b[:33]
}

// slowReaders: callers who ask for a large file and take nothing of it.
func (c *cluster) slowReaders(a *attacker, got *tally, link string) {
	const many = 64
	_, path, _ := strings.Cut(strings.TrimPrefix(link, "http://"), "/")
	conns := make([]net.Conn, many)
	for i := range conns {
		conn, err := net.DialTimeout("tcp", a.addr, 30*time.Second)
		if err != nil {
			c.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if _, err := fmt.Fprintf(conn, "GET /%s HTTP/1.1\r\nHost: x\r\n\r\n", path); err != nil {
			c.Fatal(err)
		}
		conns[i] = conn
	}
	<-time.After(12 * time.Second) // longer than limits.write_stall: the callers' own idleness
	for _, conn := range conns {
		_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
		n, err := io.Copy(io.Discard, conn)
		if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() || n > 19<<20 {
			c.Errorf("a reader that did not read got %d bytes, %v", n, err)
		}
		got.note("cut")
	}
}
