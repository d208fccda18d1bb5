package server_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/server"
)

// TestDocsErrors: docs/api.md has every code that an answer may carry, beside the
// status that it is sent with, and no other.
func TestDocsErrors(t *testing.T) {
	t.Parallel()
	read := func(path ...string) string {
		b, err := os.ReadFile(filepath.Join(append([]string{"..", ".."}, path...)...))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	statuses := map[string][]string{}
	_, tables, _ := strings.Cut(read("docs", "api.md"), "\n## When it does not work\n")
	for _, row := range regexp.MustCompile(`(?m)^\| (\d{3}) \| ([^|]*) \|`).FindAllStringSubmatch(tables, -1) {
		for _, code := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(row[2], -1) {
			statuses[code[1]] = append(statuses[code[1]], row[1])
		}
	}
	codes := regexp.MustCompile(`(?m)^\t\w+ +Code = "([a-z_]+)"`).FindAllStringSubmatch(read("internal", "fault", "fault.go"), -1)
	if len(codes) < 26 {
		t.Errorf("only %d codes were found", len(codes))
	}
	for _, code := range codes {
		status := strconv.Itoa(server.StatusOf(fault.Code(code[1])))
		if !slices.Contains(statuses[code[1]], status) {
			t.Errorf("docs/api.md has no row of %s with the status %s, but %v", code[1], status, statuses[code[1]])
		}
		delete(statuses, code[1])
	}
	if len(statuses) > 0 {
		t.Errorf("docs/api.md has codes that there are not: %v", statuses)
	}
}
