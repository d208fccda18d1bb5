package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/config"
)

// FuzzFile: whatever stands in the file, it is read, or every problem says where
// it is, in one line.
func FuzzFile(f *testing.F) {
	for _, seed := range []string{
		smallHead + smallUpstreams, "", "---", "a: &a [*a]", "a: {b: {c: [[[]]]}}", "server: {addr: \"${A:-${B}}\"}", "? x", "- x", "limits: {body: 1e9}", "video: {poll: {growth: NaN}}",
		"auth: {keys: [{name: a, key: tt_0123456789abcdef, scopes: \"read,admin\"}]}", "wait: {silence: 9999999999h}", "!!binary x", "\xff", "a: |\n b", "redis: {url: \"redis://%zz\"}", "models: [{kind: chat}]",
	} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	file := filepath.Join(f.TempDir(), "t.yaml")
	f.Fuzz(func(t *testing.T, text []byte, embedded bool) {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		s := config.Source{File: file}
		if embedded {
			s.Role = config.ForEmbedded
		}
		c, err := config.Load(s)
		if (c == nil) == (err == nil) {
			t.Fatalf("%v, %v", c, err)
		}
		if c != nil {
			for _, k := range c.Auth.Keys {
				if !k.Key.IsZero() || len(k.SHA256) != 64 {
					t.Errorf("a gateway key is kept: %+v", k)
				}
			}
			_ = c.String()
			return
		}
		all, ok := errors.AsType[*config.Error](err)
		if !ok {
			t.Fatalf("%T %v", err, err)
		}
		for _, p := range all.Problems {
			if line := p.String(); line == "" || strings.Contains(line, "\n") || len(line) > 2000 {
				t.Errorf("a problem of %d bytes: %.300q", len(line), line)
			}
		}
	})
}

// FuzzVariable: whatever a variable is called and holds, the same.
func FuzzVariable(f *testing.F) {
	for _, seed := range [][2]string{
		{"TINTYPE_REDIS_URL", "redis://h"},
		{"TINTYPE_AUTH_KEYS_0_SCOPES", "read,"},
		{"TINTYPE_AUTH_KEYS_99_NAME", "x"},
		{"TINTYPE_UPSTREAMS_0_ACCOUNTS_0_KEY", ""},
		{"TINTYPE_", "x"},
		{"TINTYPE_ARK_API_KEYS", ",,"},
		{"TINTYPE_LIMITS_BODY", "-1"},
		{"TINTYPE_FETCH_ALLOW_PRIVATE", "::/0,"},
		{"TINTYPE_VIDEO_POLL_GROWTH", "Inf"},
		{"=", "="},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		if name == "TINTYPE_CONFIG" {
			return // names a file
		}
		for _, p := range config.Check(config.Source{Role: config.ForEmbedded, Environ: []string{name + "=" + value}}) {
			if line := p.String(); line == "" || strings.Contains(line, "\n") && !strings.Contains(name, "\n") || len(value) > 20 && strings.Contains(line, value) && !strings.Contains(name, value) {
				t.Errorf("%q: %.300q", name, line)
			}
		}
	})
}
