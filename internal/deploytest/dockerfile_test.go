package deploytest_test

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// dockerfile is one that was read, and what is wrong with it.
type dockerfile struct {
	stages   []instructions.Stage
	problems []string
}

// readDockerfile reads a Dockerfile as BuildKit does, with its linter.
func readDockerfile(t *testing.T, text string) *dockerfile {
	t.Helper()
	d := &dockerfile{}
	ast, err := parser.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	lint := linter.New(&linter.Config{ExperimentalAll: true, Warn: func(rule, _, _, message string, at []parser.Range) {
		d.report("%s, line %d: %s", rule, at[0].Start.Line, message)
	}})
	if d.stages, _, err = instructions.Parse(ast.AST, lint); err != nil {
		t.Fatal(err)
	}
	for _, w := range ast.Warnings {
		d.report("%s", w.Short)
	}
	return d
}

func (d *dockerfile) report(format string, args ...any) {
	d.problems = append(d.problems, fmt.Sprintf(format, args...))
}

func (d *dockerfile) stage(name string) *instructions.Stage {
	i := slices.IndexFunc(d.stages, func(s instructions.Stage) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return &d.stages[i]
}

// commands gives those of a kind in a stage and in what it stands on, the last first.
func commands[T instructions.Command](d *dockerfile, s *instructions.Stage) (out []T) {
	for ; s != nil; s = d.stage(s.BaseName) {
		for _, c := range slices.Backward(s.Commands) {
			if c, ok := c.(T); ok {
				out = append(out, c)
			}
		}
	}
	return out
}

// final is the stage that a build of a target ends with; without a name the last one.
func (d *dockerfile) final(target string) *instructions.Stage {
	if target == "" {
		return &d.stages[len(d.stages)-1]
	}
	return d.stage(target)
}

// rootMade matches what a build stage calls to make a root, with the directory and the image.
var rootMade = regexp.MustCompile(`deploy/image/build\.sh (\S+)(?: (tintype|sim)\b)?`)

// image tells which of the images that build.sh makes a stage has for its root.
func (d *dockerfile) image(s *instructions.Stage) string {
	for _, c := range commands[*instructions.CopyCommand](d, s) {
		for _, run := range commands[*instructions.RunCommand](d, d.stage(c.From)) {
			made := rootMade.FindStringSubmatch(strings.Join(run.CmdLine, " "))
			if made != nil && slices.Contains(c.SourcePaths, made[1]+"/") {
				return cmp.Or(made[2], service)
			}
		}
	}
	return service
}

// exact matches a tag that names one version, down to the patch.
var exact = regexp.MustCompile(`:v?\d+\.\d+\.\d+(-[a-z0-9.]+)?$`)

// check holds a Dockerfile to the house's rules. finals are the stages that are
// images in the end.
func (d *dockerfile) check(finals ...string) {
	for i, s := range d.stages {
		if s.BaseName != "scratch" && d.stage(s.BaseName) == nil && !exact.MatchString(s.BaseName) {
			d.report("%s is not pinned to a version", s.BaseName)
		}
		for _, c := range s.Commands {
			switch c := c.(type) {
			case *instructions.AddCommand:
				d.report("ADD also unpacks and fetches: use COPY")
			case *instructions.RunCommand:
				d.checkRun(strings.Join(c.CmdLine, " "))
			case *instructions.CopyCommand:
				d.checkCopy(c)
			}
		}
		if s.Name == "" && i != len(d.stages)-1 {
			d.report("stage %d has no name and is not the last one", i)
		}
	}
	for _, name := range finals {
		d.checkFinal(name)
	}
}

func (d *dockerfile) checkRun(line string) {
	for word, instead := range map[string]string{"sudo": "the stage is root's", "apt-get": "versions of packages move", "curl": "what is fetched is not pinned", "cd ": "use WORKDIR"} {
		if slices.Contains(strings.Fields(line), strings.TrimSpace(word)) {
			d.report("RUN calls %s: %s", word, instead)
		}
	}
	for _, module := range []string{"go build", "go mod download", "build.sh"} {
		if strings.Contains(line, module) && strings.Contains(line, "|") {
			d.report("RUN pipes %s, whose failure would go unseen", module)
		}
	}
}

func (d *dockerfile) checkCopy(c *instructions.CopyCommand) {
	if c.From != "" {
		if d.stage(c.From) == nil {
			d.report("COPY --from=%s: there is no such stage", c.From)
		}
		return
	}
	for _, path := range c.SourcePaths {
		if _, err := os.Stat(filepath.Join(root, path)); err != nil {
			d.report("COPY %s: %v", path, err)
		}
	}
}

// checkFinal looks at what becomes an image.
func (d *dockerfile) checkFinal(name string) {
	s := d.final(name)
	if s == nil {
		d.report("there is no stage %s", name)
		return
	}
	base := s
	for d.stage(base.BaseName) != nil {
		base = d.stage(base.BaseName)
	}
	if base.BaseName != "scratch" {
		d.report("%s stands on %s, which has a shell", name, base.BaseName)
	}
	if users := commands[*instructions.UserCommand](d, s); len(users) == 0 || users[0].User != "65532:65532" {
		d.report("%s does not run as 65532:65532", name)
	}
	if e := commands[*instructions.EntrypointCommand](d, s); len(e) == 0 || e[0].PrependShell {
		d.report("%s has no entry point that does without a shell", name)
	}
	if h := commands[*instructions.HealthCheckCommand](d, s); len(h) == 0 || h[0].Health.Test[0] != "CMD" || !inImage(d.image(s), h[0].Health.Test[1]) {
		d.report("%s has no health check by a program of the image", name)
	}
	labels := map[string]bool{}
	for _, l := range commands[*instructions.LabelCommand](d, s) {
		for _, kv := range l.Labels {
			labels[kv.Key] = true
		}
	}
	for _, want := range []string{"title", "description", "licenses", "source"} {
		if !labels["org.opencontainers.image."+want] {
			d.report("%s lacks the label %s", name, want)
		}
	}
}

// inImage tells whether build.sh puts a file there.
func inImage(image, path string) bool {
	_, err := os.Stat(program(image, path))
	return err == nil
}

func TestDockerfiles(t *testing.T) {
	t.Parallel()
	for file, finals := range map[string][]string{"Dockerfile": {"tintype", "sim", ""}, "deploy/minio/Dockerfile": {""}} {
		d := readDockerfile(t, read(t, file))
		d.check(finals...)
		for _, p := range d.problems {
			t.Errorf("%s: %s", file, p)
		}
	}
	d := readDockerfile(t, read(t, "Dockerfile"))
	if d.stages[len(d.stages)-1].Name != "tintype" {
		t.Error("docker build without a target does not make the service")
	}
	for _, name := range []string{service, simulator} {
		if image := d.image(d.stage(name)); image != name {
			t.Errorf("the target %s has the root of %s", name, image)
		}
		said := map[string]string{}
		for _, l := range commands[*instructions.LabelCommand](d, d.stage(name)) {
			for _, kv := range l.Labels {
				said[kv.Key] = strings.Trim(kv.Value, `"`)
			}
		}
		if said["org.opencontainers.image.version"] != "$VERSION" || said["org.opencontainers.image.revision"] != "$REVISION" {
			t.Errorf("the labels of %s do not say which source it is of: %v", name, said)
		}
	}
}

// TestDockerfileRules: each rule is broken once, and says so.
func TestDockerfileRules(t *testing.T) {
	t.Parallel()
	const good = "FROM scratch\nUSER 65532:65532\nLABEL org.opencontainers.image.title=a org.opencontainers.image.description=b org.opencontainers.image.licenses=c org.opencontainers.image.source=d\n" +
		"HEALTHCHECK CMD [\"/usr/local/bin/tintype\", \"health\"]\nENTRYPOINT [\"/usr/local/bin/tintype\"]\n"
	tests := []struct{ from, to, says string }{
		{"", "", ""},
		{"FROM scratch", "FROM golang:1.26", "not pinned"},
		{"FROM scratch", "FROM golang:latest", "not pinned"},
		{"FROM scratch", "FROM debian:12.1.0", "which has a shell"},
		{"USER 65532:65532", "USER root", "does not run as"},
		{"USER 65532:65532\n", "", "does not run as"},
		{"USER 65532:65532", "ADD go.mod /\nUSER 65532:65532", "ADD"},
		{"USER 65532:65532", "COPY nothing-of-the-kind /\nUSER 65532:65532", "no such file"},
		{"USER 65532:65532", "COPY --from=elsewhere / /\nUSER 65532:65532", "no such stage"},
		{"USER 65532:65532", "RUN apt-get install x\nUSER 65532:65532", "apt-get"},
		{"USER 65532:65532", "RUN go build ./... | tee log\nUSER 65532:65532", "unseen"},
		{`["/usr/local/bin/tintype"]`, `/usr/local/bin/tintype`, "without a shell"},
		{`["/usr/local/bin/tintype", "health"]`, `["/bin/curl"]`, "no health check"},
		{`["/usr/local/bin/tintype", "health"]`, `/usr/local/bin/tintype health`, "no health check"},
		{"org.opencontainers.image.source=d", "other=d", "label source"},
		{"USER 65532:65532", "MAINTAINER me\nUSER 65532:65532", "MaintainerDeprecated"},
		{"FROM scratch", "FROM scratch as Final", "FromAsCasing"},
	}
	for _, tt := range tests {
		d := readDockerfile(t, strings.Replace(good, tt.from, tt.to, 1))
		d.check("")
		if found := strings.Join(d.problems, "\n"); (tt.says == "") != (found == "") || !strings.Contains(found, tt.says) {
			t.Errorf("%s for %s: found %q; want %q", tt.to, tt.from, found, tt.says)
		}
	}
}

// TestDockerfilesBuildAlike: one Go for both, and for the module.
func TestDockerfilesBuildAlike(t *testing.T) {
	t.Parallel()
	base := readDockerfile(t, read(t, "Dockerfile")).stages[0].BaseName
	if other := readDockerfile(t, read(t, "deploy/minio/Dockerfile")).stages[0].BaseName; other != base {
		t.Errorf("Dockerfile builds with %s, deploy/minio/Dockerfile with %s", base, other)
	}
	want := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "go.mod"))
	if want == nil || !strings.HasPrefix(base, "golang:"+want[1]+".") {
		t.Errorf("the images are built with %s; go.mod asks for %v", base, want)
	}
}
