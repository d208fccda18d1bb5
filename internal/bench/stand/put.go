package stand

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tintypehq/tintype/internal/bench/proc"
	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/blob/s3blob"
)

// Uploader is how [Put] uploads.
type Uploader string

// The uploaders.
const (
	OurStore Uploader = "ours" // package s3blob
	BareSDK  Uploader = "bare" // one streamed PutObject of the SDK, unsigned and unchecked
)

// PutResult is what [Put] writes to its standard output, as JSON.
type PutResult struct {
	Seconds   float64 `json:"seconds"`    // from the first byte to the last answer
	Growth    int64   `json:"growth"`     // bytes of memory at the peak, more than before the first upload
	SizeBytes int64   `json:"size_bytes"` // of all files together
}

// putting is one run of [Put].
type putting struct {
	store  s3blob.Config
	by     Uploader
	size   int64
	at     int // uploads at once, one file each
	prefix string
}

// runPut uploads files of a known length that flow from nowhere, measures, and
// deletes them.
func runPut(ctx context.Context, flags *flag.FlagSet, args []string, stdout io.Writer) error {
	p := putting{store: s3blob.Config{Region: "us-east-1", PathStyle: true}}
	flags.StringVar(&p.store.Endpoint, "endpoint", "", "URL of the object store")
	flags.StringVar(&p.store.Bucket, "bucket", "", "its bucket")
	flags.StringVar(&p.store.AccessKeyID, "key", "", "access key")
	flags.StringVar(&p.store.SecretAccessKey, "secret", "", "its secret")
	flags.StringVar((*string)(&p.by), "by", string(OurStore), "ours or bare")
	flags.Int64Var(&p.size, "size", 256<<20, "bytes of each file")
	flags.IntVar(&p.at, "at-once", 1, "files at once")
	flags.StringVar(&p.prefix, "prefix", "put", "of the keys")
	if err := flags.Parse(args); err != nil {
		return err
	}
	result, err := p.run(ctx)
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(result)
}

func (p putting) run(ctx context.Context) (PutResult, error) {
	store, err := s3blob.New(ctx, p.store)
	if err != nil {
		return PutResult{}, err
	}
	defer store.Close()
	put, err := p.uploader(store)
	if err != nil {
		return PutResult{}, err
	}
	before, err := proc.UsageOf(os.Getpid())
	if err != nil {
		return PutResult{}, err
	}
	const warm = 2 << 20 // connections are open and pools filled before time counts
	if err := p.all(ctx, put, warm); err != nil {
		return PutResult{}, err
	}
	began := time.Now()
	if err := p.all(ctx, put, p.size); err != nil {
		return PutResult{}, err
	}
	took := time.Since(began)
	after, err := proc.UsageOf(os.Getpid())
	if err != nil {
		return PutResult{}, err
	}
	for i := range p.at {
		if err := store.Delete(ctx, p.key(i)); err != nil {
			return PutResult{}, err
		}
	}
	return PutResult{Seconds: took.Seconds(), Growth: after.PeakBytes - before.RSSBytes, SizeBytes: p.size * int64(p.at)}, nil
}

func (p putting) key(i int) string { return fmt.Sprintf("%s/file-%d", p.prefix, i) }

// PutFunc uploads one file.
type PutFunc func(ctx context.Context, key string, body io.Reader, size int64) error

func (p putting) uploader(store blob.Store) (PutFunc, error) {
	switch p.by {
	case OurStore:
		return func(ctx context.Context, key string, body io.Reader, size int64) error {
			_, err := store.Put(ctx, blob.PutRequest{Key: key, Body: body, SizeBytes: size, ContentType: "video/mp4"})
			return err
		}, nil
	case BareSDK:
		return BarePut(p.store), nil
	}
	return nil, fmt.Errorf("-by: %q is neither ours nor bare", p.by)
}

// all uploads all files at once.
func (p putting) all(ctx context.Context, put PutFunc, size int64) error {
	group, ctx := errgroup.WithContext(ctx)
	for i := range p.at {
		group.Go(func() error { return put(ctx, p.key(i), io.LimitReader(new(pattern), size), size) })
	}
	return group.Wait()
}

// pattern is an endless source of bytes that costs next to nothing.
type pattern struct{ at byte }

// Read implements io.Reader.
func (p *pattern) Read(b []byte) (int, error) {
	p.at++
	for i := 0; i < len(b); i += 4 << 10 { // one byte of each page, so that pages differ
		b[i] = p.at
	}
	return len(b), nil
}
