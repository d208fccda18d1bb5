package config_test

import (
	"testing"

	"github.com/tintypehq/tintype/internal/config"
)

func TestProblems(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, file string
		env, want  []string
	}{
		{
			"an unknown setting", smallHead + smallUpstreams + "server:\n  adr: x\n", nil,
			[]string{"t.yaml:7: server.adr: is no setting; did you mean addr?"},
		},
		{
			"a setting of another section", smallHead + smallUpstreams + "server: {bucket: x}\nredis_url: x\n", nil,
			[]string{
				"t.yaml:6: server.bucket: is no setting; did you mean storage.s3.bucket?",
				"t.yaml:7: redis_url: is no setting; known here: log, telemetry, server, worker, redis, storage, media, auth, security, wait, limits, fairness, image, video, chat, fetch, webhooks, retention, upstreams, models, sim",
			},
		},
		{
			"wrong types", smallHead + smallUpstreams + `limits:
  prompt_runes: hunter2
  body: 12furlongs
  image_pixels: 2.5
  chat_messages: [1]
wait: 15s
server: {trust_forwarded: yes, cors: {allowed_origins: {a: b}}}
models: x
video: {poll: {growth: fast, first: 3}}
media: {delivery: pigeon}
fetch: {allow_private: [10.0.0.0]}
`, nil,
			[]string{
				"t.yaml:7: limits.prompt_runes: must be a whole number",
				"t.yaml:8: limits.body: must be a size in bytes, such as 64KiB, 10MB or 4096",
				"t.yaml:9: limits.image_pixels: must be a whole number",
				"t.yaml:10: limits.chat_messages: must be a single value",
				"t.yaml:11: wait: must be a section: lines of the form \"name: value\"",
				"t.yaml:12: server.trust_forwarded: must be true or false",
				"t.yaml:12: server.cors.allowed_origins: must be a single value; a text with a colon may need quotes",
				"t.yaml:13: models: must be a list: lines that begin with \"- \"",
				"t.yaml:14: video.poll.growth: must be a number",
				"t.yaml:14: video.poll.first: must be a duration with its unit, such as 500ms, 30s, 1h30m or 7d",
				"t.yaml:15: media.delivery: must be one of proxy, redirect",
				"t.yaml:16: fetch.allow_private[0]: must be a network, such as 10.1.0.0/16",
			},
		},
		{
			"ranges", smallHead + `upstreams:
  - name: ark
    accounts:
      - {id: a, key: k}
      - {id: b, key: k, max_in_flight: 0, quota_reset: "24:00", quota_zone: Nowhere/Land}
limits: {body: 1GiB}
retention: {jobs: 366d}
video: {poll: {jitter: 0.51, growth: NaN}}
`, nil,
			[]string{
				"t.yaml:10: limits.body: must be between 64KiB and 256MiB, is 1GiB",
				"t.yaml:12: video.poll.growth: must be between 1 and 10, is NaN",
				"t.yaml:12: video.poll.jitter: must be between 0 and 0.5, is 0.51",
				"t.yaml:11: retention.jobs: must be between 1h and 365d, is 366d",
				"t.yaml:9: upstreams[0].accounts[1].max_in_flight: must be between 1 and 1000, is 0",
				"t.yaml:10: limits.body_budget: must be at least twice limits.body, which is 1GiB; is 512MiB",
				"t.yaml:9: upstreams[0].accounts[1].quota_reset: must be a time of day such as 08:30",
				"t.yaml:9: upstreams[0].accounts[1].quota_zone: is no time zone; write UTC or a name such as Asia/Shanghai",
			},
		},
		{
			"webhooks", smallHead + smallUpstreams + `webhooks:
  secret: whsec_c2hvcnQ=
  old_secrets: [hunter2, whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA]
  schedule: [5s, 10ms, 4d]
  allow_private: [localhost]
  timeout: 2m
`, nil,
			[]string{
				"t.yaml:10: webhooks.allow_private[0]: must be a network, such as 10.1.0.0/16",
				"t.yaml:11: webhooks.timeout: must be between 1s and 1m, is 2m",
				"t.yaml:7: webhooks.secret: must be \"whsec_\" and 24 to 64 bytes in base64; `echo whsec_$(openssl rand -base64 32)` makes one",
				"t.yaml:8: webhooks.old_secrets[0]: must be \"whsec_\" and 24 to 64 bytes in base64; `echo whsec_$(openssl rand -base64 32)` makes one",
				"t.yaml:9: webhooks.schedule[1]: must be between 1s and 3d, is 10ms",
				"t.yaml:9: webhooks.schedule[2]: must be between 1s and 3d, is 4d",
			},
		},
		{
			"too many signatures", smallHead + smallUpstreams + "webhooks: {secret: whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA, old_secrets: [whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA, whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB, whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAC]}\n", nil,
			[]string{"t.yaml:6: webhooks.old_secrets: must be two at most: each adds a signature"},
		},
		{
			"webhooks without a secret", smallHead + smallUpstreams + "webhooks: {old_secrets: [whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA], schedule: []}\n", nil,
			[]string{
				"t.yaml:6: webhooks.old_secrets: only sign beside webhooks.secret, which is empty",
				"t.yaml:6: webhooks.schedule: must have 1 to 20 waits; has 0",
			},
		},
		{
			"what a deployment needs", "", nil,
			[]string{
				"redis.url: is required (or redis.sentinel); set it in the file or by TINTYPE_REDIS_URL",
				"storage.s3.bucket: is required with the driver s3; set it in the file or by TINTYPE_STORAGE_S3_BUCKET",
				"auth.tenant_secret: is required with auth.pass_through; set it in the file or by TINTYPE_AUTH_TENANT_SECRET",
				"security.keys: is required with auth.pass_through; set it in the file or by TINTYPE_SECURITY_KEYS",
				"upstreams: must have at least one entry; TINTYPE_ARK_API_KEYS=… makes one for Ark",
			},
		},
		{
			"the environment", smallHead + smallUpstreams,
			[]string{
				"TINTYPE_REDIS_POOL_SIZE=many", "TINTYPE_REDIS_ULR=x", "TINTYPE_SERVER_PORT=80", "TINTYPE_UPSTREAMS_0_ACCOUNTS_3_KEY=x",
				"TINTYPE_MODELS_0_KNID=x", "TINTYPE_WAIT_WINDOW=0s",
			},
			[]string{
				"TINTYPE_MODELS_0_KNID: is no setting; the nearest is TINTYPE_MODELS_0_KIND, where the 0 counts the entries of a list, without gaps",
				"TINTYPE_REDIS_POOL_SIZE: redis.pool_size: must be a whole number",
				"TINTYPE_REDIS_ULR: is no setting; did you mean TINTYPE_REDIS_URL?",
				"TINTYPE_SERVER_PORT: is no setting; did you mean TINTYPE_SERVER_ADDR?",
				"TINTYPE_UPSTREAMS_0_ACCOUNTS_3_KEY: is no setting; the nearest is TINTYPE_UPSTREAMS_0_ACCOUNTS_0_KEY, where the 0 counts the entries of a list, without gaps",
				"TINTYPE_WAIT_WINDOW: wait.window: must be between 1s and 10m, is 0s",
			},
		},
		{
			"references", smallHead + "upstreams:\n- name: ark\n  accounts: [{id: a, key: \"${ARK_KEY}${B}\"}]\nserver: {public_url: \"https://${\", addr: \"${1}\"}\n", nil,
			[]string{
				"t.yaml:7: upstreams[0].accounts[0].key: refers to ${ARK_KEY}, but the environment has no ARK_KEY; set it, or write ${ARK_KEY:-default}; and refers to ${B}, but the environment has no B; set it, or write ${B:-default}",
				"t.yaml:8: server.public_url: holds ${ that is not ${NAME} or ${NAME:-default}; write $${ for the characters themselves",
				"t.yaml:8: server.addr: holds ${ that is not ${NAME} or ${NAME:-default}; write $${ for the characters themselves",
			},
		},
		{
			"twice", smallHead + smallUpstreams + "server: {addr: \"a:1\", addr: \"b:1\"}\nredis: {}\n", nil,
			[]string{"t.yaml:6: server.addr: is set twice", "t.yaml:7: redis: is set twice"},
		},
		{
			"YAML that is not read", smallHead + smallUpstreams + "server: {addr: *hunter2, public_url: !hunter2 x}\nlog: {level: &hunter2 info}\n", nil,
			[]string{
				"t.yaml:6: server.addr: uses a YAML anchor, alias or tag, which are not read here; a text that begins with &, * or ! needs quotes",
				"t.yaml:6: server.public_url: uses a YAML anchor, alias or tag, which are not read here; a text that begins with &, * or ! needs quotes",
				"t.yaml:7: log.level: uses a YAML anchor, alias or tag, which are not read here; a text that begins with &, * or ! needs quotes",
			},
		},
		{"no YAML", "a: 1\nkey: hunter2: x\n", nil, []string{"t.yaml:2: not valid YAML: mapping value is not allowed in this context"}},
		{"no YAML, quoting", "key: |9x hunter2\n", nil, []string{"t.yaml:1: not valid YAML: invalid header option"}},
		{"no settings", "hunter2\n", nil, []string{"t.yaml:1: must be a section: lines of the form \"name: value\""}},
		{"two documents", "log: {}\n---\nlog: {}\n", nil, []string{"t.yaml: holds more than one YAML document; the settings must be in one"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			expect(t, problems(t, config.Source{Environ: c.env}, c.file), c.want...)
		})
	}
}

// TestCallersVariables: a shell that calls a service may start one.
func TestCallersVariables(t *testing.T) {
	t.Parallel()
	s := config.Source{Role: config.ForEmbedded, Environ: []string{"TINTYPE_URL=http://h", "TINTYPE_KEY=tt_1", "TINTYPE_ADMIN_KEY=tt_2"}}
	expect(t, problems(t, s, ""))
}

func TestMissingFile(t *testing.T) {
	t.Parallel()
	expect(t, problems(t, config.Source{File: "/does/not/exist.yaml"}, ""), "exist.yaml: cannot be opened: no such file or directory")
}

func TestUnknownFlagSetting(t *testing.T) {
	t.Parallel()
	s := config.Source{Role: config.ForEmbedded, Flags: []config.Flag{{"--addr", "server.adr", "x"}, {"--wait", "wait.silence", "x"}}}
	expect(t, problems(t, s, ""),
		"--addr: server.adr: is no setting",
		"--wait: wait.silence: must be a duration with its unit, such as 500ms, 30s, 1h30m or 7d")
}
