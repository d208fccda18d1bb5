package doubaoweb_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/doubaoweb"
)

// TestProfileErrors name what is wrong.
func TestProfileErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"dialekt: numeric_event":                                        "dialekt",
		"frames: {numeric: {akk: 1}}":                                   "akk",
		"results: {history: {nope: []}}":                                "nope",
		"dialect: rest":                                                 "dialect",
		"video: {start: D, result: history}":                            "video.start",
		"video: {start: A, result: guess}":                              "video.result",
		"video: {start: A, result: canvas}":                             "video.result",
		"video: {start: C, result: history}":                            "video.result",
		"session_cookies: []":                                           "session_cookies",
		"media_hosts: []":                                               "media_hosts",
		"upload: {max_bytes: 0}":                                        "upload.max_bytes",
		"bodies: {async: {task: \"${tusk}\"}}":                          "tusk",
		"bodies: {async: {$json: [{a: \"x ${tusk} y\"}]}}":              "tusk",
		"attachments: {named: [\"${nope}\"]}":                           "attachments.named",
		"headers: {Cookie: x}":                                          "Cookie",
		"headers: {Idempotency-Key: x}":                                 "Idempotency-Key",
		"query: {aid: \"${nope}\"}":                                     "aid",
		"headers: {X-Y: \"${nope}\"}":                                   "X-Y",
		"results: {images: [\"a..b\"]}":                                 "a..b",
		"results: {images: [\"a.!xml\"]}":                               "!xml",
		"results: {images: 7}":                                          "paths",
		"poll: {interval: soon}":                                        "soon",
		"poll: {interval: -1s}":                                         "-1s",
		"remaining: \"(\"":                                              "regular expression",
		"errors: [{where: frame, class: auth}]":                         "errors[0]",
		"errors: [{where: moon, codes: [\"1\"], class: auth}]":          "moon",
		"errors: [{where: frame, codes: [\"1\"], class: bad}]":          "bad",
		"errors: [{where: text, codes: [\"1\"], class: auth}]":          "codes",
		"errors: [{where: text, match: \"[\", class: auth}]":            "regular expression",
		"errors: [{where: frame, codes: [\"1\"], klass: auth}]":         "klass",
		"errors: [{where: frame, codes: [\"1\"], cooldown: yesterday}]": "yesterday",
		"dialect: [": "profile",
	} {
		_, err := doubaoweb.ParseProfile([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want a word of %q", text, err, want)
		}
	}
}

// TestProfileReplaces: an operator names what is different, and all else stays.
func TestProfileReplaces(t *testing.T) {
	t.Parallel()
	p, err := doubaoweb.ParseProfile([]byte("dialect: named_event\npoll: {interval: 20s}\nquery: {aid: \"582478\"}\nframes: {numeric: {ack: 1}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if p.Dialect != doubaoweb.Named || time.Duration(p.Poll.Interval) != 20*time.Second || time.Duration(p.Poll.Settle) != 3*time.Minute {
		t.Errorf("got %s, %+v", p.Dialect, p.Poll)
	}
	if p.Frames.Numeric.Ack != 1 || p.Frames.Numeric.Delta != 2001 || len(p.Errors) < 10 {
		t.Errorf("got %+v and %d rules", p.Frames, len(p.Errors))
	}
	if len(p.Query) != 1 || p.Query["aid"] != "582478" {
		t.Errorf("the query is %v: maps are replaced as a whole", p.Query)
	}
}

// TestDefaultProfileIsNobodys: it holds nothing that tells a browser or a person, and
// nothing that the upstream takes for the proof of one.
func TestDefaultProfileIsNobodys(t *testing.T) {
	t.Parallel()
	p, err := doubaoweb.DefaultProfile()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"device_id", "tea_uuid", "web_id", "fp", "msToken", "a_bogus", "X-Bogus", "Cookie", "User-Agent"} {
		if p.Query[name] != "" || p.Headers[name] != "" {
			t.Errorf("the default profile has %s", name)
		}
	}
	if p.BaseURL != "https://www.doubao.com" || p.Dialect != doubaoweb.Numeric || p.Video.Start != doubaoweb.StartA {
		t.Errorf("got %s, %s, %s", p.BaseURL, p.Dialect, p.Video.Start)
	}
}

// TestBaseURL: what is wrong with it is known before the first job.
func TestBaseURL(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"ftp://x", "https://u:p@x", "https://x?y", "://", "https://"} {
		if _, err := doubaoweb.New(doubaoweb.Config{BaseURL: base}); err == nil || !strings.Contains(err.Error(), "base_url") {
			t.Errorf("%s: %v", base, err)
		}
	}
}
