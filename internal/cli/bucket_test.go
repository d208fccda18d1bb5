package cli_test

import (
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/testserver"
)

// TestBucketInit sets up a bucket of a store without lifecycle rules, twice, and a
// folder.
func TestBucketInit(t *testing.T) {
	t.Parallel()
	server := testserver.Versity(t)
	environ := []string{
		"TINTYPE_REDIS_URL=redis://localhost:6379/0", "TINTYPE_AUTH_PASS_THROUGH=false", "TINTYPE_ARK_API_KEYS=k",
		"TINTYPE_STORAGE_S3_ENDPOINT=" + server.Endpoint, "TINTYPE_STORAGE_S3_BUCKET=brand-new",
		"TINTYPE_STORAGE_S3_ACCESS_KEY_ID=" + server.AccessKey, "TINTYPE_STORAGE_S3_SECRET_ACCESS_KEY=" + server.SecretKey,
	}
	redirect := append(environ, "TINTYPE_MEDIA_DELIVERY=redirect")
	wrong := append(environ, "TINTYPE_STORAGE_S3_SECRET_ACCESS_KEY=wrong")
	folder := append(environ, "TINTYPE_STORAGE_DRIVER=file", "TINTYPE_STORAGE_FILE_DIR="+t.TempDir())
	const noRules = "expiry   this store has no lifecycle rules. The workers remove what expires of jobs; what they could not come to stays, and so do uploaded pictures. Remove now and then what is old: jobs/ after 10 days, files/ after 30 days"
	for _, tt := range []struct {
		name    string
		environ []string
		code    int
		want    string
	}{
		{"a new bucket", environ, 0, "bucket   brand-new: done\n" + noRules + "\npages    not needed: with media.delivery proxy no browser comes to the bucket\n"},
		{"again", environ, 0, "bucket   brand-new: was there\n" + noRules + "\npages    not needed: with media.delivery proxy no browser comes to the bucket\n"},
		{"for browsers", redirect, 0, "bucket   brand-new: was there\n" + noRules + "\npages    browsers may read what a link leads to: done\n"},
		{"for browsers again", redirect, 0, "bucket   brand-new: was there\n" + noRules + "\npages    browsers may read what a link leads to: was there\n"},
		{"a wrong secret", wrong, 1, ""},
		{"a folder", folder, 0, "folder   "},
		{"no settings", nil, 2, ""},
	} {
		code, stdout, stderr := call(t, tt.environ, "bucket", "init")
		if code != tt.code || !strings.HasPrefix(stdout, tt.want) || (tt.code == 0) != (stderr == "") {
			t.Errorf("%s: %d\n%s\n%s\nwant %d\n%s", tt.name, code, stdout, stderr, tt.code, tt.want)
		}
		if tt.name == "a wrong secret" && !strings.Contains(stderr, "tintype bucket init: storage.s3.secret_access_key: ") {
			t.Errorf("%s: %s", tt.name, stderr)
		}
	}
}
