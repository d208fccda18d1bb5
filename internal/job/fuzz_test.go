package job_test

import (
	"path"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/job"
)

// FuzzParseID: what is taken for an id is harmless in a key, a path and a log.
func FuzzParseID(f *testing.F) {
	for _, seed := range []string{string(job.NewID(time.Unix(1, 0))), "", "../../../../etc/passwd0000", strings.Repeat("0", 26), strings.Repeat("z", 26), strings.Repeat("0", 24) + "\r\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, ok := job.ParseID(text)
		if !ok {
			return
		}
		if string(id) != text || len(text) != 26 || strings.Trim(text, "0123456789abcdefghjkmnpqrstvwxyz") != "" || path.Clean(id.Dir()+"x") != id.Dir()+"x" {
			t.Errorf("%q is taken", text)
		}
	})
}
