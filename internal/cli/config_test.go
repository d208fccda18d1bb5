package cli_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// good is a configuration of a deployment, but for its secrets.
const good = `
redis:
  url: redis://localhost:6379/0
storage:
  s3:
    bucket: media
upstreams:
  - name: ark
    accounts:
      - {id: one, key: k1}
`

func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "tintype.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestCheck(t *testing.T) {
	t.Parallel()
	fine := file(t, good+"auth:\n  pass_through: false\n")
	bad := file(t, good+"auth:\n  allow_pooled: maybe\n  pass_through: false\nserver:\n  adr: x\nretention:\n  jobs: 5m\n")
	open := file(t, good)
	large := file(t, good+"auth:\n  pass_through: false\nmodels:\n  - {name: m, kind: image, id: doubao-seedream-5-0-pro-260628,\n     resolutions: [4K]}\n")
	for name, c := range map[string]struct {
		args, environ []string
		code          int
		stdout        string
	}{
		"good file": {args: []string{fine}, stdout: fine + " is fine\n"},
		"named by the environment": {
			environ: []string{"TINTYPE_CONFIG=" + fine}, stdout: fine + " is fine\n",
		},
		"nothing, for run": {args: []string{"--role", "run"}, stdout: "The environment is fine\n"},
		"good for the worker alone": {
			args: []string{open, "--role", "worker"}, environ: []string{"TINTYPE_SECURITY_KEYS=a:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="},
			stdout: open + " is fine\n",
		},
		"the API lacks more": {
			args: []string{open, "--role", "api"}, environ: []string{"TINTYPE_SECURITY_KEYS=a:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="},
			code:   2,
			stdout: "auth.tenant_secret: is required with auth.pass_through; set it in the file or by TINTYPE_AUTH_TENANT_SECRET\n",
		},
		"bad file": {
			args: []string{bad}, code: 2,
			stdout: bad + ":12: auth.allow_pooled: must be one of auto, always, never\n" +
				bad + ":15: server.adr: is no setting; did you mean addr?\n" +
				bad + ":17: retention.jobs: must be between 1h and 365d, is 5m\n",
		},
		"what only the upstream's driver knows": {
			args: []string{large}, code: 2,
			stdout: large + ":15: models[0].resolutions[0]: is not one that doubao-seedream-5-0-pro-260628 has; it has 1K, 2K\n",
		},
		"missing file": {
			args: []string{"/nowhere/tintype.yaml"}, code: 2,
			stdout: "/nowhere/tintype.yaml: cannot be opened: no such file or directory\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := call(t, c.environ, append([]string{"config", "check"}, c.args...)...)
			if code != c.code || stdout != c.stdout || stderr != "" {
				t.Errorf("exit code %d\n%s%s\nwant %d\n%s", code, stdout, stderr, c.code, c.stdout)
			}
		})
	}
}

func TestShow(t *testing.T) {
	t.Parallel()
	name := file(t, good+"auth:\n  pass_through: false\n")
	code, stdout, stderr := call(t, []string{"TINTYPE_LOG_LEVEL=debug"}, "config", "check", "--show", name)
	if code != 0 || stderr != "" {
		t.Fatalf("%d %s", code, stderr)
	}
	for _, want := range []string{
		`(?m)^log\.level +debug +TINTYPE_LOG_LEVEL$`,
		`(?m)^storage\.s3\.bucket +media +` + regexp.QuoteMeta(name) + `:6$`,
		`(?m)^wait\.mode +keepalive +default$`,
	} {
		if !regexp.MustCompile(want).MatchString(stdout) {
			t.Errorf("nothing matches %s in\n%s", want, stdout)
		}
	}
	if strings.Contains(stdout, "k1") {
		t.Errorf("a key is shown:\n%s", stdout)
	}
}

// TestSecrets pastes fresh secrets into a configuration that lacks them.
func TestSecrets(t *testing.T) {
	t.Parallel()
	code, first, stderr := call(t, nil, "config", "secrets", "--name", "anna")
	if code != 0 || stderr != "" {
		t.Fatalf("%d %s", code, stderr)
	}
	name := file(t, good+first)
	if code, problems, _ := call(t, nil, "config", "check", name); code != 0 {
		t.Errorf("the secrets do not make the configuration whole:\n%s\n%s", first, problems)
	}
	key := regexp.MustCompile(`(?m)^#   (tt_\S+)$`).FindStringSubmatch(first)
	if key == nil {
		t.Fatalf("there is no gateway key in\n%s", first)
	}
	sum := sha256.Sum256([]byte(key[1]))
	if !strings.Contains(first, "- name: anna\n      sha256: "+hex.EncodeToString(sum[:])+"\n") {
		t.Errorf("the hash is not that of the key %s:\n%s", key[1], first)
	}
	_, second, _ := call(t, nil, "config", "secrets", "--name", "anna")
	for line := range strings.Lines(first) {
		secret := strings.Contains(line, "tt_") || strings.Contains(line, "sha256") || strings.Contains(line, "tenant_secret") || strings.Contains(line, `- "`)
		if secret && strings.Contains(second, line) {
			t.Errorf("twice the same: %s", line)
		}
	}
}
