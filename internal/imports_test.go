// Package internal_test holds the import graph of the module.
package internal_test

import (
	"cmp"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/tintypehq/tintype/"

// allowed is the import graph of the module: each package and the packages of
// ours that it may import outside of tests. It reads from the bottom up: what
// stands in a group imports from the groups above. An arrow that is missing
// here needs a reason in the commit that adds it.
//
// A name that ends in "/..." means the package and all below it.
var allowed = map[string][]string{
	// The ground: no package of ours.
	"internal/crash":        {},
	"internal/fault":        {},
	"internal/health":       {},
	"internal/openapi":      {},
	"internal/upstream/sse": {},
	"internal/version":      {},
	"pkg/tintype":           {}, // nothing but the standard library at all

	// The domain, and what reaches outside without knowing what a job is.
	"internal/account":       {"internal/fault"},
	"internal/blob":          {"internal/fault"},
	"internal/blob/blobtest": {"internal/blob", "internal/fault"},
	"internal/blob/fileblob": {"internal/blob", "internal/fault"},
	"internal/blob/s3blob":   {"internal/blob", "internal/fault"},
	"internal/fetch":         {"internal/fault"},
	"internal/job":           {"internal/fault"},
	"internal/probe":         {"internal/fault"},
	"internal/telemetry":     {"internal/fault", "internal/job"},
	"internal/testlog":       {},
	"internal/testserver":    {},
	"internal/webhook":       {"internal/account", "internal/fault", "internal/fetch", "internal/job"},

	// The upstreams. The simulator stands in for a service of somebody else's,
	// so it shares with us only what is no part of the conversation.
	"internal/upstream":              {"internal/account", "internal/fault", "internal/job"},
	"internal/upstream/rawjson":      {},
	"internal/upstream/wire":         {"internal/account", "internal/fault", "internal/upstream"},
	"internal/upstream/chat":         {"internal/account", "internal/fault", "internal/upstream", "internal/upstream/rawjson", "internal/upstream/sse", "internal/upstream/wire"},
	"internal/upstream/ark":          {"internal/account", "internal/crash", "internal/fault", "internal/fetch", "internal/job", "internal/probe", "internal/upstream", "internal/upstream/chat", "internal/upstream/rawjson", "internal/upstream/wire"},
	"internal/upstream/openai":       {"internal/account", "internal/crash", "internal/fault", "internal/job", "internal/upstream", "internal/upstream/chat", "internal/upstream/rawjson", "internal/upstream/wire"},
	"internal/upstream/doubaoweb":    {"internal/account", "internal/crash", "internal/fault", "internal/job", "internal/probe", "internal/upstream", "internal/upstream/chat", "internal/upstream/rawjson", "internal/upstream/sse", "internal/upstream/wire"},
	"internal/upstream/sim/...":      {"internal/fault", "internal/probe", "internal/upstream/sim/..."},
	"internal/upstream/upstreamtest": {"internal/account", "internal/fault", "internal/job", "internal/upstream", "internal/upstream/sim/..."},

	// The stores, and the archive of final jobs in one of them.
	"internal/archive":    {"internal/blob", "internal/fault", "internal/job"},
	"internal/queue":      {"internal/fault", "internal/job"},
	"internal/redisstore": {"internal/account", "internal/fault", "internal/job"},

	// The two halves of the service, which do not know each other.
	"internal/server": {
		"internal/account", "internal/archive", "internal/blob", "internal/crash", "internal/fault", "internal/fetch", "internal/job", "internal/probe",
		"internal/openapi", "internal/queue", "internal/redisstore", "internal/telemetry", "internal/upstream", "internal/webhook", "pkg/tintype",
	},
	"internal/worker": {
		"internal/account", "internal/archive", "internal/blob", "internal/crash", "internal/fault", "internal/fetch", "internal/job", "internal/probe",
		"internal/queue", "internal/redisstore", "internal/telemetry", "internal/upstream", "internal/webhook",
	},

	// The wiring: settings, the parts made from them, and the programs.
	"internal/config": {"internal/account", "internal/fault", "internal/job", "internal/upstream", "internal/webhook"},
	"internal/app": {
		"internal/account", "internal/archive", "internal/blob", "internal/blob/fileblob", "internal/blob/s3blob", "internal/config",
		"internal/fault", "internal/fetch", "internal/health", "internal/job", "internal/queue", "internal/redisstore", "internal/server",
		"internal/telemetry", "internal/upstream", "internal/upstream/ark", "internal/upstream/doubaoweb", "internal/upstream/openai", "internal/upstream/sim/...", "internal/version", "internal/webhook", "internal/worker",
	},
	"internal/cli/terminal":  {},
	"internal/cli/command":   {"internal/version"},
	"internal/cli/simulator": {"internal/cli/command", "internal/cli/terminal", "internal/health", "internal/upstream/sim/..."},
	"internal/demo":          {"internal/account", "internal/app", "internal/cli/terminal", "internal/config", "internal/probe", "pkg/tintype"},
	"internal/cli": {
		"internal/account", "internal/app", "internal/cli/command", "internal/cli/simulator", "internal/cli/terminal", "internal/config", "internal/demo",
		"internal/health", "internal/version", "pkg/tintype",
	},
	"cmd/api":     {"internal/app", "internal/config"},
	"cmd/worker":  {"internal/app", "internal/config"},
	"cmd/tintype": {"internal/app", "internal/cli", "internal/cli/simulator", "internal/config"}, // app: under the names api and worker it is these; simulator: built with the tag simonly it is that alone

	// Around the service: the graph of these is nobody's promise, only that
	// they are not imported.
	"internal":          {},
	"internal/e2e":      {},
	"internal/e2e/wire": {"internal/testserver"},

	"internal/openapi/openapitest": {"internal/openapi"},
	"internal/bench/...": {
		"internal/account", "internal/app", "internal/bench/...", "internal/blob", "internal/blob/fileblob", "internal/blob/s3blob",
		"internal/config", "internal/fault", "internal/fetch", "internal/job", "internal/probe", "internal/queue",
		"internal/redisstore", "internal/testserver", "internal/upstream", "internal/upstream/ark",
		"internal/upstream/sim/...", "internal/worker", "pkg/tintype",
	},
}

// apart lists what a package may not reach, not even through others. These are
// the promises of the design; allowed is only how they are kept, and a line
// added there cannot undo them.
var apart = []struct{ from, to, why string }{
	{"internal/server", "internal/worker", "the API and the worker scale apart"},
	{"internal/worker", "internal/server", "the API and the worker scale apart"},
	{"internal/upstream/...", "internal/redisstore", "a driver keeps no state"},
	{"internal/upstream/...", "internal/queue", "a driver keeps no state"},
	{"internal/upstream/sim/...", "internal/upstream/ark", "the simulator must not share the driver's errors"},
	{"internal/upstream/sim/...", "internal/upstream/openai", "the simulator must not share the driver's errors"},
	{"internal/upstream/sim/...", "internal/upstream/doubaoweb", "the simulator must not share the driver's errors"},
	{"internal/upstream/sim/...", "internal/upstream/wire", "the simulator must not share the drivers' errors"},
	{"internal/upstream/sim/...", "internal/upstream/rawjson", "the simulator must not share the drivers' errors"},
	{"internal/job", "internal/redisstore", "the domain does no I/O"},
	{"internal/redisstore", "internal/queue", "the record is the truth, the queue only the doorbell"},
	{"internal/server", "internal/upstream/ark", "the server speaks to drivers through their contract"},
	{"internal/server", "internal/upstream/doubaoweb", "the server speaks to drivers through their contract"},
	{"internal/server", "internal/upstream/openai", "the server speaks to drivers through their contract"},
	{"internal/worker", "internal/upstream/ark", "the worker speaks to drivers through their contract"},
	{"internal/worker", "internal/upstream/doubaoweb", "the worker speaks to drivers through their contract"},
	{"internal/worker", "internal/upstream/openai", "the worker speaks to drivers through their contract"},
	{"internal/cli/simulator", "internal/app", "the simulator's image has nothing of the service"},
	{"internal/cli/simulator", "internal/config", "the simulator's image has nothing of the service"},
	{"cmd/...", "internal/testserver", "test code stays out of the programs"},
}

func TestImports(t *testing.T) {
	t.Parallel()
	for pkg, deps := range graph(t) {
		may, known := rule(pkg)
		if !known {
			t.Errorf("%s is new: give it a line in allowed", pkg)
		}
		for _, dep := range deps {
			if ours(dep) && !slices.ContainsFunc(may, func(pattern string) bool { return matches(pattern, dep) }) {
				t.Errorf("%s may not import %s: that arrow is not in allowed", pkg, dep)
			}
		}
	}
}

func TestKeptApart(t *testing.T) {
	t.Parallel()
	g := graph(t)
	for _, rule := range apart {
		for pkg := range g {
			if !matches(rule.from, pkg) {
				continue
			}
			if chain := way(g, pkg, rule.to); chain != nil {
				t.Errorf("%s: %s", strings.Join(chain, " → "), rule.why)
			}
		}
	}
}

// TestPublicPackage holds pkg/tintype to the standard library: whoever imports
// our client gets no other module with it.
func TestPublicPackage(t *testing.T) {
	t.Parallel()
	for pkg, deps := range graph(t) {
		if !matches("pkg/...", pkg) {
			continue
		}
		for _, dep := range deps {
			if first, _, _ := strings.Cut(dep, "/"); ours(dep) || strings.Contains(first, ".") {
				t.Errorf("%s imports %s, which is not in the standard library", pkg, dep)
			}
		}
	}
}

// TestRulesAreKnown finds a rule about a package that allowed does not know,
// such as one that was renamed: it would hold nothing.
func TestRulesAreKnown(t *testing.T) {
	t.Parallel()
	known := func(pattern string) bool {
		_, exact := allowed[pattern]
		return exact || slices.ContainsFunc(slices.Collect(maps.Keys(allowed)), func(pkg string) bool { return matches(pattern, pkg) })
	}
	for pkg, deps := range allowed {
		for _, dep := range deps {
			if !known(dep) {
				t.Errorf("%s may import %s, which has no line in allowed", pkg, dep)
			}
		}
	}
	for _, rule := range apart {
		if !known(rule.from) || !known(rule.to) {
			t.Errorf("%s and %s are kept apart, but have no line in allowed", rule.from, rule.to)
		}
	}
}

// graph gives each package of the module with what it imports outside of
// tests, on whatever system. Ours are named without the module's path, as in
// allowed. It reads the files itself, since `go test` would not see that a
// result is out of date if `go list` read them.
func graph(t *testing.T) map[string][]string {
	t.Helper()
	g := map[string][]string{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return enter(path, entry.Name())
		case !strings.HasSuffix(path, ".go"):
			return nil
		}
		pkg := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), "../")
		if g[pkg] == nil {
			g[pkg] = []string{}
		}
		if !strings.HasSuffix(path, "_test.go") {
			g[pkg] = append(g[pkg], imports(t, path)...)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(g) < 5 {
		t.Fatalf("only %d packages found: the walk is wrong", len(g))
	}
	return g
}

// enter skips the directories in which the module has no packages: hidden
// ones, testdata, and modules of their own.
func enter(path, name string) error {
	if path == ".." {
		return nil
	}
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" {
		return filepath.SkipDir
	}
	if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
		return filepath.SkipDir
	}
	return nil
}

func imports(t *testing.T, file string) []string {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), file, src, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var deps []string
	for _, spec := range parsed.Imports {
		deps = append(deps, strings.TrimPrefix(strings.Trim(spec.Path.Value, "\"`"), module))
	}
	return deps
}

// rule gives the line of allowed that holds for a package: its own, else the
// longest that ends in "/..." and covers it.
func rule(pkg string) (may []string, known bool) {
	if may, known = allowed[pkg]; known {
		return may, true
	}
	covering := func(a, b string) int { return cmp.Compare(len(b), len(a)) }
	for _, pattern := range slices.SortedFunc(maps.Keys(allowed), covering) {
		if matches(pattern, pkg) {
			return allowed[pattern], true
		}
	}
	return nil, false
}

func matches(pattern, pkg string) bool {
	root, tree := strings.CutSuffix(pattern, "/...")
	return pkg == root || tree && strings.HasPrefix(pkg, root+"/")
}

// ours tells a package of this module, already without the module's path, from
// one of the standard library or another module.
func ours(pkg string) bool {
	return matches("internal/...", pkg) || matches("cmd/...", pkg) || matches("pkg/...", pkg)
}

// way gives one chain of imports from a package to another, or nil.
func way(g map[string][]string, from, to string) []string {
	seen := map[string]bool{}
	var walk func(pkg string) []string
	walk = func(pkg string) []string {
		if seen[pkg] {
			return nil
		}
		seen[pkg] = true
		for _, dep := range g[pkg] {
			if dep == to {
				return []string{pkg, dep}
			}
			if rest := walk(dep); rest != nil {
				return append([]string{pkg}, rest...)
			}
		}
		return nil
	}
	return walk(from)
}
