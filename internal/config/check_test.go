package config_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/config"
)

const sealKey = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

// Each row is one mistake on top of a file that is right for every role.
func TestChecks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, setting, value, want string // want is without the place and the setting
	}{
		{"address without a port", "server.addr", "localhost", "must be host:port, such as 127.0.0.1:8080"},
		{"address with a named port", "worker.addr", "localhost:http", "must be host:port, such as 127.0.0.1:8080"},
		{"port too large", "worker.addr", "localhost:65536", "must be host:port, such as 127.0.0.1:8080"},
		{"URL without a scheme", "server.public_url", "api.example.com", "must be a URL that begins with https:// or http://"},
		{"URL with a password", "storage.s3.endpoint", "https://u:hunter2@x", "must not hold a user or password"},
		{"URL with a query", "storage.s3.public_endpoint", "https://x/?a=hunter2", "must end with the path, without ? or #"},
		{"no stages", "worker.roles", "[]", "must name at least one stage"},
		{"short grace", "worker.shutdown_grace", "60s", "must be at least the longest submit_timeout, 3m, or submissions that were paid for are cut off; is 1m"},
		{"slow sweeper", "worker.sweep_interval", "16s", "must not be longer than worker.lease, 15s; is 16s"},
		{"redis over HTTP", "redis.url", "http://u:hunter2@h", "must begin with redis://, rediss:// or unix://"},
		{"redis without host", "redis.url", "redis:///1", "must hold a host, such as redis://localhost:6379/0"},
		{"redis database", "redis.url", "redis://h/hunter2", "must end with the number of the database, or without one: redis://localhost:6379/0"},
		{"redis socket", "redis.url", "unix://", "must hold the socket's path, such as unix:///run/redis.sock"},
		{"redis that does not parse", "redis.url", "redis://:hunt%er2@h", "must be a URL; a password with special characters must be percent-encoded, or set as redis.password"},
		{"key tag", "redis.key_tag", "{tt}", "must be 1 to 32 letters, digits, - or _"},
		{"half a certificate", "redis.tls.key_file", "k", "has no effect on a URL without TLS: begin redis.url with rediss://"},
		{"Sentinel beside a URL", "redis.sentinel.master", "m", "is required with redis.sentinel.master; set it in the file or by TINTYPE_REDIS_SENTINEL_ADDRS"},
		{"Sentinel without a name", "redis.sentinel.addrs", "h:1", "is required with redis.sentinel; set it in the file or by TINTYPE_REDIS_SENTINEL_MASTER"},
		{"bucket with a prefix", "storage.s3.bucket", "a/b", "must be a bucket's name alone; what goes before object keys is storage.s3.prefix"},
		{"prefix that MinIO refuses", "storage.s3.prefix", "a//b", "must not begin with / or hold //: not every store takes such keys"},
		{"half a credential", "storage.s3.secret_access_key", "hunter2", "must be set together with storage.s3.secret_access_key"},
		{"token alone", "storage.s3.session_token", "hunter2", "is of no use without storage.s3.access_key_id"},
		{"short tenant secret", "auth.tenant_secret", "hunter2", "must have at least 16 bytes; `openssl rand -base64 32` makes one"},
		{"seal key without id", "security.keys", sealKey, "must be \"id:base64\" with 32 bytes in base64; `openssl rand -base64 32` makes them"},
		{"seal key too short", "security.keys", "a:aHVudGVyMg==", "must be \"id:base64\" with 32 bytes in base64; `openssl rand -base64 32` makes them"},
		{"seal keys with one id", "security.keys", "a:" + sealKey + ",a:" + sealKey, "is the same as security.keys[0]; it must be unique"},
		{"more waiters than connections", "limits.connections", "19999", "must be at least limits.waiting_per_process, 20000; is 19999"},
		{"a budget of less than one body", "limits.body_budget", "63MiB", "must be at least twice limits.body, which is 32MiB; is 63MiB"},
		{"endless patience", "limits.read_stall", "11m", "must be between 1s and 10m, is 11m"},
		{"shrinking wait", "video.poll.max_interval", "1s", "must be at least video.poll.interval, 3s; is 1s"},
		{"plain HTTP", "upstreams[0].base_url", "http://x", "must begin with https://, since keys are sent to it; http:// needs allow_private: true"},
		{"simulator", "sim.enabled", "true", "works only in `tintype run`; start `tintype sim` and set its address as an upstream's base_url"},
		{"simulator's driver", "upstreams[0].driver", "sim", "works only in `tintype run`; use ark with the base_url of a running `tintype sim`"},
		{"name with a space", "upstreams[0].name", "a b", "must be 1 to 64 characters of ASCII without spaces"},
		{"key with a line end", "upstreams[0].accounts[0].key", "hunter2\n", "must not hold spaces, line ends or characters outside of ASCII"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := config.Source{Flags: []config.Flag{{Name: "--x", Setting: c.setting, Value: c.value}}}
			got := problems(t, s, smallHead+smallUpstreams)
			if !slices.ContainsFunc(got, func(p string) bool { return strings.HasSuffix(p, ": "+c.want) }) {
				t.Errorf("got:\n  %s\nwant:\n  …: %s", strings.Join(got, "\n  "), c.want)
			}
			if strings.Contains(strings.Join(got, ""), "hunter2") {
				t.Errorf("quotes a value: %s", got)
			}
		})
	}
}

func TestChecksAcrossSettings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, file string
		want       []string
	}{
		{"nobody may call", "server: {addr: \"0.0.0.0:80\"}\nauth: {pass_through: false}\n", []string{
			"t.yaml:2: auth: lets nobody in: set auth.keys, auth.pass_through: true or auth.allow_pooled: always",
		}},
		{"nothing could be generated", "auth: {pass_through: false, allow_pooled: always}\nupstreams: [{name: a}]\n", []string{
			"t.yaml:2: upstreams: have no account, and auth.pass_through is off: nothing could be generated",
		}},
		{"redirect from a directory", "media: {delivery: redirect, stall_timeout: 10m, fetch_timeout: 5m}\nstorage: {driver: file, file: {dir: \"\"}}\n", []string{
			"t.yaml:2: storage.file.dir: is required with the driver file; set it in the file or by TINTYPE_STORAGE_FILE_DIR",
			"t.yaml:1: media.delivery: must be proxy with the storage driver file, which has no links to redirect to",
			"t.yaml:1: media.stall_timeout: must not be longer than media.fetch_timeout, 5m; is 10m",
		}},
		{"deadlines", "image: {deadline: 1m}\nvideo: {deadline: 2h, submit_timeout: 30m}\nretention: {jobs: 1h}\nworker: {shutdown_grace: 1h}\n", []string{
			"t.yaml:1: image.submit_timeout: must not be longer than image.deadline, 1m; is 3m",
			"t.yaml:3: retention.jobs: must be at least the longest deadline, 2h; is 1h",
		}},
		{"retention", "retention: {jobs: 3d, min: 4d, max: 2d}\n", []string{
			"t.yaml:1: retention.min: must not be longer than retention.jobs, 3d; is 4d",
			"t.yaml:1: retention.max: must be at least retention.jobs, 3d, or 0s for that; is 2d",
		}},
		{"too short to absorb retries", "retention: {min: 5m}\n", []string{
			"t.yaml:1: retention.min: must be at least retention.absorb, 10m; is 5m",
		}},
		{"windows without a way back", "wait: {mode: window}\nretention: {absorb: 0s}\nauth: {keys: [{name: a, key: tt_0123456789abc, wait_mode: window}]}\n", []string{
			"t.yaml:1: wait.mode: must not be window with retention.absorb 0s: every return of a caller would be paid anew",
			"t.yaml:3: auth.keys[0].wait_mode: must not be window with retention.absorb 0s: every return of a caller would be paid anew",
		}},
		{"gateway keys", `auth:
  keys:
    - {name: a, key: tt_0123456789abc}
    - {name: a, key: tt_0123456789abc}
    - {key: sk-hunter2hunter2hunter2}
    - {name: b}
    - {name: c, key: tt_0123456789abd, sha256: 00}
    - {name: d, sha256: 00}
    - {name: e, key: tt_0123456789abe, wait_mode: never}
    - {name: f, sha256: 5f5ff0b0e6ab05c0a85bdb9da3c0ee9c4d7e8c2c7f8f1d2d3b1d1a1a5a3e2b10, scopes: []}
    - {name: g, key: tt_0123456789abg, scopes: [read, admin, read]}
    - {name: h, key: tt_0123456789abh, scopes: [write]}
    - {name: i, sha256: 2C1252BA6B010EB06426763827C9E22B7C8E873DE182E3D30D79487DE4FB2453}
`, []string{
			"t.yaml:9: auth.keys[6].wait_mode: must be one of keepalive, hold, window",
			"t.yaml:12: auth.keys[9].scopes[0]: must be one of generate, read, admin",
			"t.yaml:4: auth.keys[1].name: is the same as auth.keys[0].name; it must be unique",
			"t.yaml:4: auth.keys[1].key: is the same as auth.keys[0].key; it must be unique",
			"t.yaml:5: auth.keys[2].name: is required; set it in the file or by TINTYPE_AUTH_KEYS_2_NAME",
			"t.yaml:5: auth.keys[2].key: must begin with tt_ and have at least 16 characters, none of them a space",
			"t.yaml:6: auth.keys[3]: needs key or sha256",
			"t.yaml:7: auth.keys[4]: has both key and sha256; leave one of them out",
			"t.yaml:8: auth.keys[5].sha256: must be 64 hexadecimal digits",
			"t.yaml:10: auth.keys[7].scopes: must name at least one of generate, read, admin",
			"t.yaml:11: auth.keys[8].scopes[2]: is the same as auth.keys[8].scopes[0]; it must be unique",
			"t.yaml:13: auth.keys[10].sha256: is the same as auth.keys[0].key; it must be unique",
		}},
		{"origins", "server: {cors: {allowed_origins: [\"*\", \"https://a.example\", \"https://a.example/x\", \"\"]}}\n", []string{
			"t.yaml:1: server.cors.allowed_origins[2]: must be * or an origin: scheme, host and port, such as https://app.example.com",
			"t.yaml:1: server.cors.allowed_origins[3]: must be * or an origin: scheme, host and port, such as https://app.example.com",
		}},
		{"redis said twice", "redis: {url: \"redis://u:p@h/1\", password: q, db: 2, tls: {cert_file: c}}\n", []string{
			"t.yaml:1: redis.tls: has no effect on a URL without TLS: begin redis.url with rediss://",
			"t.yaml:1: redis.password: is also in redis.url; leave one of them out",
			"t.yaml:1: redis.db: is also in redis.url; leave one of them out",
		}},
		{"Sentinel", "redis: {url: \"redis://h\", sentinel: {master: m, addrs: [h]}}\n", []string{
			"t.yaml:1: redis.url: must stay empty with redis.sentinel, which finds the address; redis.username, redis.password and redis.db say the rest",
			"t.yaml:1: redis.sentinel.addrs[0]: must be host:port, such as 127.0.0.1:8080",
		}},
		{"upstreams", `upstreams:
  - {name: a, accounts: [{id: x, key: k}, {id: x, key: k, models: [none]}, {key: k}, {id: "a b", key: ""}]}
  - {name: a, base_url: "ftp://x"}
  - {}
  - {name: s, driver: sim, base_url: "http://x"}
models: [{name: m, kind: chat, id: i, upstream: a}]
`, []string{
			"t.yaml:2: upstreams[0].accounts[1].models[0]: is no model id that the models use on this upstream; there are: i",
			"t.yaml:2: upstreams[0].accounts[1].id: is the same as upstreams[0].accounts[0].id; it must be unique",
			"t.yaml:2: upstreams[0].accounts[2].id: is required; set it in the file or by TINTYPE_UPSTREAMS_0_ACCOUNTS_2_ID",
			"t.yaml:2: upstreams[0].accounts[3].id: must be 1 to 64 characters of ASCII without spaces",
			"t.yaml:2: upstreams[0].accounts[3].key: is required; set it in the file or by TINTYPE_UPSTREAMS_0_ACCOUNTS_3_KEY",
			"t.yaml:3: upstreams[1].name: is the same as upstreams[0].name; it must be unique",
			"t.yaml:3: upstreams[1].base_url: must be a URL that begins with https:// or http://",
			"t.yaml:4: upstreams[2].name: is required; set it in the file or by TINTYPE_UPSTREAMS_2_NAME",
			"t.yaml:5: upstreams[3].driver: works only in `tintype run`; use ark with the base_url of a running `tintype sim`",
		}},
		{"two names of one model", `upstreams: [{name: a}]
models:
  - {name: one, kind: video, id: doubao-seedance-2-5-260628, resolution: 720p}
  - {name: two, kind: video, id: doubao-seedance-2-5-260628}
  - {name: three, kind: video, id: doubao-seedance-2-5-260628, resolution: 720p}
`, []string{
			"t.yaml:4: models[1].resolution: must be the same as models[0].resolution: both names are of one model of the upstream",
		}},
		{"what callers may ask for", `upstreams: [{name: a}, {name: s, driver: openai}, {name: w, driver: doubaoweb}]
models:
  - {name: v, kind: video, upstream: a, id: doubao-seedance-2-5-260628, resolution: 1080p, resolutions: [720p, 480p], duration: 15s, durations: [5s, 10s]}
  - {name: w, kind: video, upstream: a, id: doubao-seedance-2-0-260128, resolutions: [720, 2K], durations: [0s, 1500ms, five], max_n: 2}
  - {name: e, kind: image, upstream: a, id: doubao-seedream-4-0-250828, resolutions: [], durations: [5s], max_n: 5}
  - {name: f, kind: video, upstream: a, id: doubao-seedance-1-5-pro-251215, durations: []}
  - {name: c, kind: chat, upstream: a, id: i, resolutions: [2K], durations: [5s], max_n: 1}
  - {name: s, kind: image, upstream: s, id: i, resolutions: [2K], durations: [5s], max_n: 1}
  - {name: x, kind: image, upstream: w, id: i, max_n: 1}
`, []string{
			"t.yaml:4: models[1].durations[2]: must be a duration with its unit, such as 500ms, 30s, 1h30m or 7d",
			"t.yaml:5: models[2].max_n: must be between 0 and 4, is 5",
			"t.yaml:3: models[0].resolution: is none of models[0].resolutions, which callers may ask for; make it one of 720p, 480p, or leave it out for the first of these that fits",
			"t.yaml:3: models[0].duration: is none of models[0].durations, which callers may ask for; make it one of 5s, 10s, or leave it out for the first of these that fits",
			"t.yaml:4: models[1].max_n: has no effect on video models",
			"t.yaml:4: models[1].resolutions[0]: must be one of 480p, 720p, 1080p, 4k for video models",
			"t.yaml:4: models[1].resolutions[1]: must be one of 480p, 720p, 1080p, 4k for video models",
			"t.yaml:4: models[1].durations[0]: must be whole seconds, at least one",
			"t.yaml:4: models[1].durations[1]: must be whole seconds, at least one",
			"t.yaml:5: models[2].durations: has no effect on image models",
			"t.yaml:5: models[2].resolutions: must name at least one; leave it out to allow all that the model has",
			"t.yaml:6: models[3].durations: must name at least one; leave it out to allow all that the model has",
			"t.yaml:7: models[4].resolutions: has no effect on chat models",
			"t.yaml:7: models[4].durations: has no effect on chat models",
			"t.yaml:7: models[4].max_n: has no effect on chat models",
			"t.yaml:8: models[5].resolutions: has no effect on models of an upstream with the driver openai",
			"t.yaml:8: models[5].durations: has no effect on models of an upstream with the driver openai",
			"t.yaml:9: models[6].max_n: has no effect on image models of an upstream with the driver doubaoweb",
		}},
		{"models without an upstream", "upstreams: []\nmodels: [{name: m, kind: chat, id: i}]\n", []string{
			"t.yaml:1: upstreams: must have at least one entry; TINTYPE_ARK_API_KEYS=… makes one for Ark",
		}},
		{"models", `upstreams: [{name: a}, {name: b}]
models:
  - {name: one, kind: image, id: doubao-seedream-4-0-250828, upstream: a, default: true, aliases: [two, ""]}
  - {name: two, kind: image, id: ep-1, upstream: a, default: true, thinking: auto}
  - {name: three, kind: video, id: doubao-seedream-4-0-250828, upstream: hunter2, resolution: 2K}
  - {name: four, kind: video, id: ep-2, family: seedream-4.0, ratios: ["16/9"], duration: 1500ms}
  - {kind: chat, name: five}
  - {name: six, id: x, upstream: b}
  - {name: seven, kind: chat, id: x, upstream: b, resolution: 4K, ratios: ["1:1"]}
`, []string{
			"t.yaml:3: models[0].aliases[1]: must not be empty",
			"t.yaml:4: models[1].name: is the same as models[0].aliases[0]; it must be unique",
			"t.yaml:4: models[1].family: cannot be told from the id; set it to one of seedream-3.0-t2i, seedream-4.0, seedream-4.5, seedream-5.0, seedream-5.0-pro, seededit-3.0-i2i",
			"t.yaml:4: models[1].thinking: has no effect on image models",
			"t.yaml:4: models[1].default: is the second for image models; models[0] is their default",
			"t.yaml:5: models[2].family: cannot be told from the id; set it to one of seedance-1.0-lite-t2v, seedance-1.0-lite-i2v, seedance-1.0-pro, seedance-1.0-pro-fast, seedance-1.5-pro, seedance-2.0, seedance-2.0-fast, seedance-2.0-mini, seedance-2.5",
			"t.yaml:5: models[2].resolution: must be one of 480p, 720p, 1080p, 4k for video models",
			"t.yaml:5: models[2].upstream: is no upstream's name; there are: a, b",
			"t.yaml:6: models[3].family: is a family of image models, but this model's kind is video",
			"t.yaml:6: models[3].ratios[0]: must be two whole numbers, such as \"16:9\", or adaptive",
			"t.yaml:6: models[3].duration: must be whole seconds",
			"t.yaml:6: models[3].upstream: is required where there is not exactly one upstream; there are: a, b",
			"t.yaml:7: models[4].id: is required; set it in the file or by TINTYPE_MODELS_4_ID",
			"t.yaml:7: models[4].upstream: is required where there is not exactly one upstream; there are: a, b",
			"t.yaml:8: models[5].kind: is required (chat, image or video); set it in the file or by TINTYPE_MODELS_5_KIND",
			"t.yaml:9: models[6].ratios: has no effect on chat models",
			"t.yaml:9: models[6].resolution: has no effect on chat models",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			expect(t, problems(t, config.Source{Environ: deployment(c.file)}, c.file), c.want...)
		})
	}
}

// deployment is what a deployment needs, except for the sections that a file
// has itself.
func deployment(file string) []string {
	var env []string
	for section, variable := range map[string]string{
		"redis:":     "TINTYPE_REDIS_URL=redis://localhost",
		"upstreams:": "TINTYPE_ARK_API_KEYS=k",
	} {
		if !strings.Contains(file, section) {
			env = append(env, variable)
		}
	}
	return append(env, "TINTYPE_STORAGE_S3_BUCKET=b", "TINTYPE_AUTH_TENANT_SECRET=0123456789abcdef", "TINTYPE_SECURITY_KEYS=a:"+sealKey)
}

func TestRoles(t *testing.T) {
	t.Parallel()
	file := `redis: {url: "redis://h"}
storage: {s3: {bucket: b}}
security: {keys: ["a:` + sealKey + `"]}
upstreams: [{name: ark}]
`
	needsSecret := "auth.tenant_secret: is required with auth.pass_through; set it in the file or by TINTYPE_AUTH_TENANT_SECRET"
	expect(t, problems(t, config.Source{}, file), needsSecret)
	expect(t, problems(t, config.Source{Role: config.ForAPI}, file), needsSecret)
	expect(t, problems(t, config.Source{Role: config.ForWorker}, file))
	expect(t, problems(t, config.Source{Role: config.ForEmbedded}, file))
}

func TestSimulatorInEmbedded(t *testing.T) {
	t.Parallel()
	s := config.Source{Role: config.ForEmbedded}
	expect(t, problems(t, s, "upstreams: [{name: s, driver: sim}]\n"), "t.yaml:1: upstreams[0].driver: needs sim.enabled: true")
	expect(t, problems(t, s, "upstreams: [{name: s, driver: sim, base_url: \"http://x\"}]\nsim: {enabled: true}\n"),
		"t.yaml:1: upstreams[0].base_url: must stay empty with the driver sim: the simulator has its own")
	c := load(t, s, "upstreams: [{name: ark}, {name: s, driver: sim}]\nsim: {enabled: true}\n")
	if len(c.Upstreams) != 2 || !c.Upstreams[1].AllowPrivate || c.Upstreams[1].BaseURL != "" {
		t.Errorf("upstreams: %+v", c.Upstreams)
	}
}

func TestPooledOpen(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		addr, mode string
		want       bool
	}{
		{"127.0.0.1:1", "auto", true},
		{"[::1]:1", "auto", true},
		{"localhost:1", "auto", true},
		{"0.0.0.0:1", "auto", false},
		{":1", "auto", false},
		{"0.0.0.0:1", "always", true},
		{"127.0.0.1:1", "never", false},
	} {
		env := []string{"TINTYPE_SERVER_ADDR=" + c.addr, "TINTYPE_AUTH_ALLOW_POOLED=" + c.mode}
		if got := load(t, config.Source{Role: config.ForEmbedded, Environ: env}, "").PooledOpen(); got != c.want {
			t.Errorf("%s on %s: %t, want %t", c.mode, c.addr, got, c.want)
		}
	}
}
