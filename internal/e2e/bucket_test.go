package e2e_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/tintypehq/tintype/internal/upstream/sim"
)

// object is one object in the bucket, read whole.
type object struct {
	bytes  int64
	sha256 string
}

func (c *cluster) s3Client() *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(c.s3.Endpoint), Region: c.s3.Region, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(c.s3.AccessKey, c.s3.SecretKey, ""),
		HTTPClient:  c.client,
	})
}

// bucket reads all objects and names the uploads that nobody finished.
func (c *cluster) bucket(ctx context.Context) (objects map[string]object, uploads []string, err error) {
	client := c.s3Client()
	objects = map[string]object{}
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &c.s3.Bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, nil, err
		}
		for _, o := range page.Contents {
			if strings.HasPrefix(*o.Key, ".check/") {
				continue // a program that starts tries the bucket out; it may be gone by now
			}
			if objects[*o.Key], err = c.readObject(ctx, client, *o.Key); err != nil {
				return nil, nil, err
			}
		}
	}
	open, err := client.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: &c.s3.Bucket})
	if err != nil {
		return nil, nil, err
	}
	for _, u := range open.Uploads {
		uploads = append(uploads, *u.Key)
	}
	return objects, uploads, nil
}

func (c *cluster) readObject(ctx context.Context, client *s3.Client, name string) (object, error) {
	got, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &c.s3.Bucket, Key: &name})
	if err != nil {
		return object{}, fmt.Errorf("%s: %w", name, err)
	}
	defer got.Body.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, got.Body)
	return object{n, hex.EncodeToString(sum.Sum(nil))}, err
}

// checkMedia: success means that the files are there, as recorded; a job's
// folder holds them, its input, its record and its fences, and nothing half-made.
func (s *state) checkMedia(j record) (found []string) {
	dir := "jobs/" + j.id + "/"
	known := map[string]bool{dir + "job.json": true}
	for _, in := range j.spec.Inputs() {
		known[in.Key] = true
	}
	for _, m := range j.media {
		known[m.Key] = true
		switch o, ok := s.objects[m.Key]; {
		case !ok:
			found = append(found, m.Key+" is recorded and not in the bucket")
		case o.bytes != m.SizeBytes || o.sha256 != m.SHA256:
			found = append(found, fmt.Sprintf("%s has %d bytes, %s; recorded are %d, %s", m.Key, o.bytes, o.sha256, m.SizeBytes, m.SHA256))
		}
	}
	if j.state == "succeeded" && len(j.media) == 0 {
		found = append(found, fmt.Sprintf("job %s succeeded without media", j.id))
	}
	if _, ok := s.objects[dir+"job.json"]; !ok {
		found = append(found, fmt.Sprintf("job %s has no record in the bucket", j.id))
	}
	for name := range s.objects {
		if strings.HasPrefix(name, dir) && !known[name] && !isFence(strings.TrimPrefix(name, dir)) {
			found = append(found, name+" is in the bucket and nobody knows of it")
		}
	}
	return found
}

// isFence tells whether a file of a job's folder is a fence's: "fence-1" and so
// on. They stay, and after a Redis that was rolled back it knows of fewer.
func isFence(file string) bool {
	number, ok := strings.CutPrefix(file, "fence-")
	n, err := strconv.Atoi(number)
	return ok && err == nil && n > 0
}

// ledger asks the simulator what was done to it.
func (c *cluster) ledger() (l sim.Ledger, err error) {
	a, err := c.try(request{url: c.sim.base() + "/_sim/ledger"})
	if err != nil {
		return l, err
	}
	if a.status != http.StatusOK {
		return l, fmt.Errorf("the ledger: %d %s", a.status, a.body)
	}
	c.into(a, &l)
	return l, nil
}

// keyHash is how the ledger names a credential.
func keyHash(credential string) string {
	sum := sha256.Sum256([]byte(credential))
	return hex.EncodeToString(sum[:6])
}
