package config

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

const examplePath = "../../tintype.example.yaml"

var entry = regexp.MustCompile(`\[\d+\]`)

// exampleEnvironment is what the example refers to.
func exampleEnvironment() []string {
	return []string{
		"TENANT_SECRET=an-example-of-a-tenant-secret",
		"SEAL_KEY=2026-11:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
		"WEBSITE_KEY=tt_0123456789abcdef",
		"ARK_API_KEY=ark-key",
		"STUDIO_KEY=studio-key",
		"WEB_SESSION=session", "WEB_TTWID=t", "WEB_DEVICE=d",
	}
}

func loadExample(t *testing.T) *Config {
	t.Helper()
	c, err := Load(Source{File: examplePath, Environ: exampleEnvironment()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestExampleLoadsForEveryRole(t *testing.T) {
	t.Parallel()
	for _, role := range []Role{"", ForAPI, ForWorker, ForEmbedded} {
		if problems := Check(Source{Role: role, File: examplePath, Environ: exampleEnvironment()}); len(problems) > 0 {
			t.Errorf("role %q: %v", role, problems)
		}
	}
}

// The loader refuses names that are no settings, so this is the other half:
// no setting is missing from the example.
func TestExampleHasEverySetting(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	for path := range loadExample(t).origins {
		found[entry.ReplaceAllString(path, "[0]")] = true
	}
	for path := range settings(specimen(reflect.TypeFor[Config]()), "") {
		if !found[path] && path != "redis.db" { // a comment there: the URL names one
			t.Errorf("%s is not in the example", path)
		}
	}
}

// redis.url and the bucket have no default, the example has to name one; the
// lists of upstreams, models and keys are made up.
func TestExampleShowsTheDefaults(t *testing.T) {
	t.Parallel()
	defaults := newLoader(Source{}).cfg
	want := map[string]string{"redis.url": "redis://127.0.0.1:6379/0", "storage.s3.bucket": "tintype", "auth.tenant_secret": "[secret]", "security.keys": "[secret]"}
	for path, f := range settings(reflect.ValueOf(defaults).Elem(), "") {
		if _, ok := want[path]; !ok {
			want[path] = showText(f.value)
		}
	}
	for path, f := range settings(reflect.ValueOf(loadExample(t)).Elem(), "") {
		if shown := showText(f.value); !strings.Contains(path, "[") && shown != want[path] {
			t.Errorf("%s: the example has %q, the default is %q", path, shown, want[path])
		}
	}
}

// What the example has of entries of lists is made up, so the comment says what a
// setting is that is left out, where that is something else. And what the defaults of
// `tintype run` are, where it has its own.
func TestExampleTellsOtherDefaults(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	c := loadExample(t)
	told := func(path, what string) {
		if comment := commentOf(lines, c.origins[path].line); !strings.Contains(strings.ToLower(comment), what) {
			t.Errorf("%s: its comment in the example does not say %q", path, what)
		}
	}
	for path, f := range settings(reflect.ValueOf(c).Elem(), "") {
		usual, ok := f.tag.Lookup("default")
		if !ok || !strings.Contains(path, "[") || c.origins[path].line == 0 {
			continue
		}
		left := reflect.New(f.value.Type()).Elem()
		if err := setText(left, usual); err != nil {
			t.Fatal(err)
		}
		if showText(left) != showText(f.value) {
			told(path, "left out: ")
		}
	}
	usual := reflect.ValueOf(newLoader(Source{}).cfg).Elem()
	own := map[string]string{}
	for path, f := range settings(reflect.ValueOf(newLoader(Source{Role: ForEmbedded, Terminal: true}).cfg).Elem(), "") {
		own[path] = showText(f.value)
	}
	for path, f := range settings(usual, "") {
		if own[path] != showText(f.value) {
			told(path, "`tintype run`")
			told(path, own[path])
		}
	}
}

// Each setting's comment names its range and what may be chosen.
func TestExampleTellsRangesAndChoices(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	c := loadExample(t)
	told := map[string]string{} // of every entry of a list together
	for path, o := range c.origins {
		told[entry.ReplaceAllString(path, "[0]")] += commentOf(lines, o.line)
	}
	for path, f := range settings(specimen(reflect.TypeFor[Config]()), "") {
		if path == "redis.db" {
			continue
		}
		words := []string{f.tag.Get("range")}
		if e, ok := reflect.TypeAssert[choice](f.value); ok {
			words = append(words, e.values()...)
		}
		for _, word := range words {
			if !strings.Contains(told[path], word) {
				t.Errorf("%s: its comment in the example does not say %q", path, word)
			}
		}
	}
}

// commentOf gives a line of the file with the comment above it.
func commentOf(lines []string, line int) string {
	first := line - 1
	for first > 0 && strings.HasPrefix(strings.TrimSpace(lines[first-1]), "#") {
		first--
	}
	return strings.Join(lines[first:line], "\n")
}

func TestEverySettingIsDocumented(t *testing.T) {
	t.Parallel()
	variables := map[string]string{}
	for path, f := range settings(specimen(reflect.TypeFor[Config]()), "") {
		if f.value.CanInt() || f.value.CanFloat() {
			if f.tag.Get("default") == "" || f.tag.Get("range") == "" {
				t.Errorf("%s needs a default and a range", path)
			}
			if err := setText(f.value, f.tag.Get("default")); err != nil {
				t.Errorf("%s: default: %v", path, err)
			}
			if err := checkRange(f.value, f.tag.Get("range")); err != nil {
				t.Errorf("%s: default: %v", path, err)
			}
		}
		if other := variables[variableOf(path)]; other != "" {
			t.Errorf("%s and %s have the same variable", path, other)
		}
		variables[variableOf(path)] = path
	}
}
