package e2e_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// spellings are the forms in which a secret may lie about. Each half of it is
// looked for, since a text that was cut off may hold only one.
func spellings(secret string) (out [][]byte) {
	half := len(secret) / 2
	for _, part := range []string{secret[:half], secret[half:]} {
		backwards := []byte(part)
		slices.Reverse(backwards)
		asHex := hex.EncodeToString([]byte(part))
		out = append(out, []byte(part), backwards, []byte(asHex), []byte(strings.ToUpper(asHex)))
		for _, form := range []string{`\u%04x`, `\u%04X`, `\x%02x`, `%%%02X`, `%%%02x`, `&#%d;`, `%d,`, `%d `} {
			var b strings.Builder
			for _, c := range []byte(part) {
				fmt.Fprintf(&b, form, c)
			}
			out = append(out, []byte(b.String()))
		}
		out = append(out, inBase64(part)...)
	}
	return out
}

// inBase64 gives what base64 makes of a text, whatever stands before and behind
// it: one form for each place within a group of three bytes, without the
// characters that its neighbours have a share in.
func inBase64(text string) (out [][]byte) {
	for shift := range 3 {
		whole := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + text))
		own := whole[(shift*8+5)/6 : (shift+len(text))*8/6]
		out = append(out, []byte(own))
		if inURL := strings.NewReplacer("+", "-", "/", "_").Replace(own); inURL != own {
			out = append(out, []byte(inURL))
		}
	}
	return out
}

var canarySpellings = spellings(canary)

// leaked gives the spelling of a secret that a text holds; "" if it holds none.
func leaked(text []byte) string {
	for _, s := range canarySpellings {
		if bytes.Contains(text, s) {
			return string(s)
		}
	}
	return ""
}

// place is where something may be written down.
type place struct {
	name string
	text []byte
}

// places gives all that the service leaves anywhere: the logs of its programs,
// their metrics, every key and value that is or ever was in Redis (a dump, and
// the append-only file, Asynq's keys in both), and the bucket, names too.
// TestCanaries looks into the traces.
func (c *cluster) places(ctx context.Context) (out []place, err error) {
	for _, p := range slices.Concat(c.apis, c.workers) {
		out = append(out, place{"the log of " + p.name, []byte(strings.Join(p.log.Lines(), "\n"))})
		if !p.alive() {
			continue
		}
		page, err := c.try(request{url: p.base() + "/metrics"})
		if err != nil {
			return nil, err
		}
		out = append(out, place{"the metrics of " + p.name, page.body})
	}
	if err := c.rdb.Save(ctx).Err(); err != nil { // dump.rdb, beside the append-only file
		return nil, err
	}
	for _, dir := range []string{c.redis.Dir, c.s3.Dir} {
		files, err := filesIn(dir)
		if err != nil {
			return nil, err
		}
		out = append(out, files...)
	}
	return out, nil
}

// filesIn reads what is in a folder in which somebody may still be at work: what
// is gone when its turn comes is passed over.
func filesIn(dir string) (out []place, err error) {
	err = filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if path != dir && errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		out = append(out, place{path, text}, place{"a name", []byte(path)})
		return err
	})
	return out, err
}

// checkSecrets: no secret, and no half of one, in whatever spelling, stands in
// any place, nor in what callers were answered.
func (c *cluster) checkSecrets() []string {
	found := c.leaks.all()
	places, err := c.places(c.ctx())
	if err != nil {
		found = append(found, err.Error())
	}
	for _, p := range places {
		if s := leaked(p.text); s != "" {
			found = append(found, fmt.Sprintf("%s holds a secret, as %q, in %q", p.name, s, around(p.text, s)))
		}
	}
	return found
}

// around is what stands about a finding.
func around(text []byte, spelling string) []byte {
	at := bytes.Index(text, []byte(spelling))
	return text[max(0, at-100):min(len(text), at+len(spelling)+60)]
}

// leakBook notes secrets in answers. The zero value is ready.
type leakBook struct {
	mu    sync.Mutex
	found []string
}

func (b *leakBook) look(r request, a answer) {
	var head bytes.Buffer
	_ = a.header.Write(&head) // into memory: cannot fail
	for _, text := range [][]byte{head.Bytes(), a.body} {
		if s := leaked(text); s != "" {
			b.mu.Lock()
			b.found = append(b.found, fmt.Sprintf("the answer to %s %s holds a secret, as %q, in %q", r.method, r.url, s, around(text, s)))
			b.mu.Unlock()
		}
	}
}

func (b *leakBook) all() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.found)
}

// TestLeaksAreFound: a secret is found in whatever form it is written.
func TestLeaksAreFound(t *testing.T) {
	t.Parallel()
	key := `sim-"a\b<&+=%/` + canary + "-0007"
	backwards := []byte(key)
	slices.Reverse(backwards)
	numbers := fmt.Sprintf("%v", []byte(key))
	for name, text := range map[string]string{
		"as it is": key, "within a word": "x" + canary + "x", "quoted": fmt.Sprintf("%q", key), "JSON": encode(key), "cut off": key[:len(key)-15], "without its beginning": key[26:],
		"hex": hex.EncodeToString([]byte(key)), "upper-case hex": fmt.Sprintf("%X", key),
		"bytes": numbers, "JSON bytes": strings.ReplaceAll(numbers, " ", ","),
		"base64": base64.StdEncoding.EncodeToString([]byte(key)), "base64, shifted": base64.StdEncoding.EncodeToString([]byte("u" + key)),
		"base64, shifted twice": base64.RawURLEncoding.EncodeToString([]byte("uv" + key)), "backwards": string(backwards),
		"basic": base64.StdEncoding.EncodeToString([]byte("user:" + key)), "escaped": fmt.Sprintf(`\u%04x`, canary[0]) + escaped(canary[1:]),
	} {
		if leaked([]byte(text)) == "" {
			t.Errorf("%s is not found in %q", name, text)
		}
	}
	if s := leaked([]byte(encode(fields{"account": "own-0123456789abcdef", "key": keyHash(key)}))); s != "" {
		t.Errorf("found %q where there is none", s)
	}
}

func escaped(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		fmt.Fprintf(&b, `\u%04x`, c)
	}
	return b.String()
}
