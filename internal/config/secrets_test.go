package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// Whatever is written into whichever setting, no problem quotes it.
func TestNoProblemQuotesAValue(t *testing.T) {
	t.Parallel()
	values := []string{
		"hunter2", "hunter2\nhunter2", "http://u:hunter2@h/?hunter2", "redis://:hunter2@h:port/hunter2", "redis://u:hunter2%zz@h",
		"a:hunter2", "hunter2h", "hunter2MiB", "[hunter2", "tt_hunter2 ${", "hunter2:6379",
	}
	for path := range settings(specimen(reflect.TypeFor[Config]()), "") {
		for _, value := range values {
			for _, role := range []Role{"", ForEmbedded} {
				flag := Source{Role: role, Flags: []Flag{{"--x", path, value}}}
				variable := Source{Role: role, Environ: []string{variableOf(path) + "=" + value}}
				for _, p := range append(Check(flag), Check(variable)...) {
					if strings.Contains(p.String(), "hunter2") {
						t.Errorf("%s set to %q: %s", path, value, p)
					}
				}
			}
		}
	}
}

// The same for texts that break the file itself.
func TestNoSyntaxProblemQuotesTheFile(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"key: hunter2: x", "key: *hunter2", "key: &hunter2", "key: !hunter2 x", "key: !!hunter2", "key: {hunter2", "key: [hunter2", "key: |9hunter2",
		"key: \"hunter2", "key: 'hunter2", "key: \"\\hunter2\"", "key: @hunter2", "key: `hunter2`", "%hunter2", "%YAML hunter2", "%TAG hunter2 x",
		"redis:\n  url: x\n password: hunter2", "redis:\n\turl: hunter2", "? hunter2", "key: >hunter2", "--- hunter2", "redis: {url: x}}hunter2", "- hunter2",
		"redis: {url: {hunter2: x}}", "redis: {url: [hunter2]}", "redis: hunter2", "server: {addr: ${hunter2 }}",
	} {
		file := filepath.Join(t.TempDir(), "t.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got := Check(Source{File: file})
		if len(got) == 0 {
			t.Errorf("%q: no problem", text)
		}
		for _, p := range got {
			if strings.Contains(p.Message, "hunter2") {
				t.Errorf("%q: %s", text, p)
			}
		}
	}
}

// However a configuration is printed, its secrets are not.
func TestConfigPrintsNoSecret(t *testing.T) {
	t.Parallel()
	c, err := Load(Source{Environ: []string{
		"TINTYPE_REDIS_URL=redis://user:hunter2@host:1/0?x=hunter2",
		"TINTYPE_STORAGE_S3_BUCKET=b", "TINTYPE_STORAGE_S3_ACCESS_KEY_ID=id", "TINTYPE_STORAGE_S3_SECRET_ACCESS_KEY=hunter2", "TINTYPE_STORAGE_S3_SESSION_TOKEN=hunter2",
		"TINTYPE_AUTH_TENANT_SECRET=hunter2hunter2hunter2", "TINTYPE_SECURITY_KEYS=a:aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMmh1bnQ=",
		"TINTYPE_AUTH_KEYS_0_NAME=n", "TINTYPE_AUTH_KEYS_0_KEY=tt_hunter2hunter2", "TINTYPE_ARK_API_KEYS=hunter2",
	}})
	if err != nil {
		t.Fatal(err)
	}
	marshaled, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{c.String(), fmt.Sprintf("%v", *c), fmt.Sprintf("%+v", *c), fmt.Sprintf("%#v", *c), fmt.Sprintf("%#v", c), string(marshaled)} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, "aHVudGVy") {
			t.Errorf("prints a secret:\n%s", text)
		}
	}
	for _, line := range []string{"redis://[secret]@host:1/0", "upstreams[0].accounts[0].key", "TINTYPE_ARK_API_KEYS", "wait.silence"} {
		if !strings.Contains(c.String(), line) {
			t.Errorf("Show does not say %q:\n%s", line, c)
		}
	}
}
