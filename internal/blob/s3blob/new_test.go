package s3blob_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/blob/s3blob"
	"github.com/tintypehq/tintype/internal/testserver"
)

// behind gives a store that reaches the server through a proxy.
func behind(t *testing.T, server *testserver.S3Server, p proxy, plain bool) *s3blob.Store {
	t.Helper()
	endpoint := p.start(t, server)
	return open(t, server, func(cfg *s3blob.Config) { cfg.Endpoint, cfg.PlainUploads = endpoint, plain })
}

// TestNewWithALostReply cuts the reply to the request that wrote. The SDK comes
// again, and the caller tells by the bytes that it was itself.
func TestNewWithALostReply(t *testing.T) {
	t.Parallel()
	server := testserver.Versity(t)
	var replies atomic.Int32
	s := behind(t, server, proxy{response: func(r *http.Response) {
		if r.Request.Method == http.MethodPut && replies.Add(1) == 1 {
			r.StatusCode, r.Body = http.StatusServiceUnavailable, http.NoBody
			r.Header.Set("Content-Length", "0")
		}
	}}, false)
	if err := s.PutNew(t.Context(), "key", []byte("mine")); !errors.Is(err, blob.ErrExists) {
		t.Errorf("got %v", err)
	}
	if same, err := blob.Holds(t.Context(), s, "key", []byte("mine")); err != nil || !same || replies.Load() != 2 {
		t.Errorf("after %d tries: %v, %v", replies.Load(), same, err)
	}
}

// TestNewAmongOthers has S3 answer, as it may, that writers of one key met.
func TestNewAmongOthers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		conflicts int    // answers that writers met
		other     string // what another one wrote then; empty: nothing
		says      string // the error; empty: none
		held      string
	}{
		{"met twice", 2, "", "", "mine"},
		{"another won", 1, "another's", blob.ErrExists.Error(), "another's"},
		{"always met", 1000, "", "ConditionalRequestConflict", ""},
	}
	server := testserver.Versity(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			direct := open(t, server, nil)
			s := behind(t, server, conflicts(tt.conflicts, func() {
				if tt.other == "" {
					return
				}
				if err := direct.PutNew(t.Context(), "key", []byte(tt.other)); err != nil {
					t.Error(err)
				}
			}), false)
			err := s.PutNew(t.Context(), "key", []byte("mine"))
			if tt.says == "" && err != nil || tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
				t.Errorf("got %v, want %q", err, tt.says)
			}
			if tt.held == "" {
				absent(t, direct, "key")
			} else if got := read(t, direct, "key"); string(got) != tt.held {
				t.Errorf("it holds %q, want %q", got, tt.held)
			}
		})
	}
}

// conflicts answers the first n PUTs with S3's 409, after a call to met.
func conflicts(n int, met func()) proxy {
	var asked atomic.Int32
	return proxy{answer: func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut || int(asked.Add(1)) > n {
			return false
		}
		met()
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusConflict)
		_, _ = io.WriteString(w, `<Error><Code>ConditionalRequestConflict</Code><Message>met</Message></Error>`)
		return true
	}}
}

// TestNewIsDamagedOnTheWay changes a bit of the body. Nothing may stand there
// afterwards, or the caller would take it for somebody else's.
func TestNewIsDamagedOnTheWay(t *testing.T) {
	t.Parallel()
	server := testserver.Versity(t)
	for key, plain := range map[string]bool{"sums": false, "plain": true} {
		s := behind(t, server, proxy{request: func(r *http.Request) {
			if r.Method == http.MethodPut {
				r.Body = flip(r.Body, 2)
			}
		}}, plain)
		if err := s.PutNew(t.Context(), key, []byte("some bytes")); err == nil {
			t.Errorf("plain %v: believed", plain)
		}
		absent(t, s, key)
	}
}

// TestNewWithoutChecksums has a store that shows no checksum: it is asked what
// it holds.
func TestNewWithoutChecksums(t *testing.T) {
	t.Parallel()
	server := testserver.Versity(t)
	var reads atomic.Int32
	s := behind(t, server, proxy{
		request: func(r *http.Request) {
			if r.Method == http.MethodGet {
				reads.Add(1)
			}
		},
		response: func(r *http.Response) { r.Header.Del("X-Amz-Checksum-Crc32") },
	}, false)
	if err := s.PutNew(t.Context(), "key", []byte("bytes")); err != nil || reads.Load() != 1 {
		t.Errorf("%v after %d reads", err, reads.Load())
	}
}

// TestStoresWithoutNew are a store that does not heed the condition, which only
// the proof finds, and one that says so.
func TestStoresWithoutNew(t *testing.T) {
	t.Parallel()
	server := testserver.Versity(t)
	deaf := behind(t, server, proxy{request: func(r *http.Request) { unconditional(t, server, r) }}, false)
	if err := deaf.PutNew(t.Context(), "key", []byte("one")); err != nil {
		t.Fatal(err)
	}
	if err := deaf.PutNew(t.Context(), "key", []byte("two")); err != nil {
		t.Fatalf("the proxy heeds the condition: %v", err)
	}
	if err := deaf.Check(t.Context()); err != nil {
		t.Errorf("it does all that Check asks for: %v", err)
	}
	if err := blob.ProveNew(t.Context(), deaf); !errors.Is(err, blob.ErrNoPutNew) {
		t.Errorf("a store that does not heed: %v", err)
	}
	honest := behind(t, server, proxy{answer: func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("If-None-Match") == "" {
			return false
		}
		w.WriteHeader(http.StatusNotImplemented)
		_, _ = io.WriteString(w, `<Error><Code>NotImplemented</Code><Message>A header you provided implies functionality that is not implemented.</Message></Error>`)
		return true
	}}, false)
	if err := blob.ProveNew(t.Context(), honest); !errors.Is(err, blob.ErrNoPutNew) {
		t.Errorf("a store that says so: %v", err)
	}
}

// unconditional takes the condition out of a request and signs it anew.
func unconditional(t *testing.T, server *testserver.S3Server, r *http.Request) {
	t.Helper()
	if r.Header.Get("If-None-Match") == "" {
		return
	}
	r.Header.Del("If-None-Match")
	r.Header.Del("Authorization")
	keys := aws.Credentials{AccessKeyID: server.AccessKey, SecretAccessKey: server.SecretKey}
	hash := r.Header.Get("X-Amz-Content-Sha256")
	if err := v4.NewSigner().SignHTTP(r.Context(), keys, r, hash, "s3", server.Region, time.Now()); err != nil {
		t.Error(err)
	}
}
