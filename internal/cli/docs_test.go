package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// readDocs gives docs/client.md.
func readDocs(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "client.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestDocsCommands runs each command of docs/client.md as it is written, one after
// the other in one directory.
func TestDocsCommands(t *testing.T) {
	docs := readDocs(t)
	s, _, environ := service(t)
	t.Chdir(t.TempDir())
	id, n := "", 0
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(docs, -1) {
		for line := range strings.Lines(block[1]) {
			line, _, _ = strings.Cut(strings.TrimSpace(line), "  ") // a comment may follow
			if !strings.HasPrefix(line, "tintype ") {
				continue
			}
			n++
			var words []string
			for _, w := range regexp.MustCompile(`"([^"]*)"|(\S+)`).FindAllStringSubmatch(strings.ReplaceAll(line, "JOB_ID", id), -1) {
				words = append(words, w[1]+w[2])
			}
			code, out, errs := call(t, environ, words[1:]...)
			if code != 0 {
				t.Fatalf("%s: exit code %d\n%s%s", line, code, out, errs)
			}
			if m := regexp.MustCompile(`(?m)^job (\S+)`).FindStringSubmatch(out); m != nil {
				id = m[1]
			}
			if i := strings.Index(line, " -o "); i > 0 {
				file := strings.Fields(line[i:])[1]
				if _, err := os.Stat(file); err != nil {
					t.Errorf("%s: %v", line, err)
				}
			}
		}
	}
	if n < 9 {
		t.Errorf("only %d commands were found", n)
	}
	s.end()
}

// TestRunbookCommands: an operator who follows docs/runbook.md calls what there is.
func TestRunbookCommands(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "runbook.md"))
	if err != nil {
		t.Fatal(err)
	}
	commands := regexp.MustCompile("(?m)(?:^|/usr/local/bin/)tintype [^#\n]*|`(tintype [a-z][^`]*)`").FindAllStringSubmatch(string(text), -1)
	if len(commands) < 30 {
		t.Errorf("only %d commands were found", len(commands))
	}
	tried := map[string]bool{}
	for _, m := range commands {
		line := strings.TrimPrefix(strings.TrimSpace(strings.Trim(m[0], "`")), "/usr/local/bin/")
		if tried[line] {
			continue
		}
		tried[line] = true
		words := append(strings.Fields(line)[1:], "--help")
		usage := "Usage: tintype " + words[0]
		if slices.Contains([]string{"accounts", "bucket", "config", "jobs"}, words[0]) {
			usage += " " + words[1]
		}
		if code, out, errs := call(t, nil, words...); code != 0 || !strings.Contains(out, usage) {
			t.Errorf("%s: exit code %d\n%s%s", line, code, out, errs)
		}
	}
}

// TestDocsProgram builds the programs of docs/client.md and of the package's
// comment and runs them.
func TestDocsProgram(t *testing.T) {
	t.Parallel()
	comment, err := os.ReadFile(filepath.Join("..", "..", "pkg", "tintype", "doc.go"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(comment)) {
		if code, ok := strings.CutPrefix(line, "//\t"); ok {
			lines = append(lines, code)
		} else if line == "//\n" {
			lines = append(lines, "\n")
		}
	}
	fromDocs := regexp.MustCompile("(?s)```go\n(package main.*?)```").FindStringSubmatch(readDocs(t))
	if fromDocs == nil {
		t.Fatal("docs/client.md has no program")
	}
	s, base, environ := service(t)
	for name, source := range map[string]string{"docs": fromDocs[1], "comment": strings.TrimSpace(strings.Join(lines, ""))} {
		dir := t.TempDir()
		source = strings.ReplaceAll(source, "http://127.0.0.1:8080", base)
		if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		program := filepath.Join(dir, "program")
		if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, filepath.Join(dir, "main.go")).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		run := exec.CommandContext(t.Context(), program)
		run.Dir, run.Env = dir, environ
		if out, err := run.CombinedOutput(); err != nil || len(out) == 0 {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		if info, err := os.Stat(filepath.Join(dir, "cat.mp4")); err != nil || info.Size() < 1000 {
			t.Errorf("%s: cat.mp4: %v, %v", name, info, err)
		}
	}
	s.end()
}
