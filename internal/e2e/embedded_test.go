package e2e_test

import (
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// embedded starts `tintype run`: everything in one process, without any
// settings but short times.
func embedded(t *testing.T) *cluster {
	t.Helper()
	c := bare(t)
	one := &program{
		name: "tintype run", file: "tintype", find: loggedAddress,
		args: []string{"run", "--addr", "127.0.0.1:0", "--data", t.TempDir()},
		env: []string{
			"TINTYPE_SIM_IMAGE_TIME=200ms", "TINTYPE_SIM_VIDEO_TIME=600ms", "TINTYPE_VIDEO_POLL_FIRST=200ms",
			"TINTYPE_VIDEO_POLL_INTERVAL=200ms", "TINTYPE_FETCH_ALLOW_PRIVATE=127.0.0.1/32",
		},
	}
	t.Cleanup(func() { c.closeAll(one) })
	c.apis = []*program{one, one}
	c.run(one)
	return c
}

// TestPartAEmbedded: one process without Redis and S3 gives the same answers.
func TestPartAEmbedded(t *testing.T) {
	t.Parallel()
	embedded(t).sendExamples([]string{pooled}, []string{ownKey + "-0", ownKey + "-1"})
}

// TestReadme runs the curl lines of the README as they stand there, against
// `tintype run`.
func TestReadme(t *testing.T) {
	t.Parallel()
	runCurls(t, embedded(t), "README.md", 5)
}

// TestAPIDoc does the same with docs/api.md.
func TestAPIDoc(t *testing.T) {
	t.Parallel()
	runCurls(t, embedded(t), filepath.Join("docs", "api.md"), 30)
}

// runCurls runs the curl lines of a document, one after the other: what stands in
// one for an id, a link or a tag comes from those before.
func runCurls(t *testing.T, c *cluster, document string, least int) {
	t.Helper()
	lines := curlLines(t, document)
	if len(lines) < least {
		t.Fatalf("%s has only %d curl lines: %q", document, len(lines), lines)
	}
	var job, tag, link string
	for _, line := range lines {
		t.Run(line, func(t *testing.T) {
			c := c.in(t)
			command, want := wantedStatus(t, line)
			r := curl(t, strings.NewReplacer("JOB_ID", job, "MEDIA_LINK", link, "ETAG", tag).Replace(command))
			r.url = strings.Replace(r.url, "http://127.0.0.1:8080", c.apis[0].base(), 1)
			a := c.call(r)
			if id := a.jobID(); id != "" && a.status == http.StatusAccepted {
				job = id
			}
			tag = a.header.Get("Etag")
			if found := mediaLink.FindString(string(a.body)); found != "" && strings.Contains(found, job) {
				link = found
			}
			if a.status != want && (want != 0 || a.status != http.StatusOK && a.status != http.StatusAccepted) {
				t.Errorf("%d %.300s; want %d", a.status, a.body, want)
			}
			for _, f := range c.checkCurl(r, a) {
				t.Error(f)
			}
		})
	}
}

var (
	mediaLink  = regexp.MustCompile(`http://[^"\\) ]+/v1/media/[^"\\) ]+`)
	statusNote = regexp.MustCompile(`^(.*) # (\d{3})$`)
)

// wantedStatus takes the status that a document promises off a line; zero: it
// promises nothing in particular.
func wantedStatus(t *testing.T, line string) (command string, status int) {
	t.Helper()
	m := statusNote.FindStringSubmatch(line)
	if m == nil {
		return line, 0
	}
	status, err := strconv.Atoi(m[2])
	if err != nil {
		t.Fatal(err)
	}
	return m[1], status
}

// checkCurl holds the answer to a create call against Part A.
func (c *cluster) checkCurl(r request, a answer) []string {
	_, path, _ := strings.Cut(strings.TrimPrefix(r.url, "http://"), "/")
	e := example{path: "/" + path, body: fields{}}
	if !slices.Contains([]string{chatPath, imagePath, videoPath}, e.path) || a.status == http.StatusAccepted {
		return nil
	}
	return c.checkExample(e, pooled, strings.Contains(r.body, `"stream": true`), a)
}

var (
	shellBlock = regexp.MustCompile("(?s)```(?:sh|bash|console)\n(.*?)```")
	shellWord  = regexp.MustCompile(`'([^']*)'|"((?:[^"\\]|\\.)*)"|(\S+)`)
)

// curlLines gives the commands of a document's code blocks that are calls of curl
// to a Tintype on this machine.
func curlLines(t *testing.T, document string) (out []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", document))
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range shellBlock.FindAllStringSubmatch(string(text), -1) {
		for line := range strings.Lines(strings.ReplaceAll(block[1], "\\\n", " ")) {
			line = strings.Join(strings.Fields(strings.TrimPrefix(line, "$ ")), " ")
			if strings.HasPrefix(line, "curl ") && (strings.Contains(line, "http://127.0.0.1:8080/v1/") || strings.Contains(line, "MEDIA_LINK")) {
				out = append(out, line)
			}
		}
	}
	return out
}

// curl reads a command line of curl with the flags that the documents use. Any
// other fails the test.
func curl(t *testing.T, line string) (r request) {
	t.Helper()
	line = strings.ReplaceAll(line, "$(base64 -w0 picture.png)", base64.StdEncoding.EncodeToString(photograph()))
	var words []string
	for _, m := range shellWord.FindAllStringSubmatch(line, -1) {
		words = append(words, m[1]+strings.ReplaceAll(m[2], `\"`, `"`)+m[3])
	}
	for i := 1; i < len(words); i++ {
		switch word := words[i]; {
		case word == "-N" || word == "-s" || word == "-sS":
		case word == "-o":
			i++
		case word == "-I":
			r.method = http.MethodHead
		case word == "-X":
			i++
			r.method = words[i]
		case word == "-d" || word == "--data":
			i++
			r.body = words[i]
		case word == "-H" || word == "--header":
			i++
			name, value, _ := strings.Cut(words[i], ": ")
			r.headers = append(r.headers, name, value)
		case strings.HasPrefix(word, "http://"):
			r.url = word
		default:
			t.Fatalf("the document has %q in %q, which this test cannot read", word, line)
		}
	}
	return r
}
