package testserver_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/tintypehq/tintype/internal/testserver"
)

func TestMain(m *testing.M) {
	if os.Getenv(drawPorts) != "" {
		sayPorts()
		return
	}
	goleak.VerifyTestMain(m)
}

func TestRedisKeepsWhatItAcknowledged(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	srv := testserver.Redis(t)
	rdb := redisClient(t, srv.URL)
	if err := rdb.Set(ctx, "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	first := srv.PID()

	if err := srv.Kill9(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(first, 0); err == nil {
		t.Fatalf("process %d is alive after Kill9", first)
	}
	if err := srv.Restart(ctx); err != nil {
		t.Fatal(err)
	}

	got, err := rdb.Get(ctx, "k").Result()
	if err != nil || got != "v" {
		t.Errorf("after the restart: %q, %v; want v", got, err)
	}
	if srv.PID() == first {
		t.Error("the restarted server has the old process id")
	}
}

func TestRedisRollsBack(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	srv := testserver.Redis(t)
	rdb := redisClient(t, srv.URL)
	set := func(v string) {
		t.Helper()
		if err := rdb.Set(ctx, "k", v, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	set("old")
	dir := filepath.Join(t.TempDir(), "backup")
	if err := srv.Backup(dir); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a backup can be used again
		set("new")
		if err := srv.RollBack(ctx, dir); err != nil {
			t.Fatal(err)
		}
		if got, err := rdb.Get(ctx, "k").Result(); err != nil || got != "old" {
			t.Errorf("rolled back: %q, %v; want old", got, err)
		}
	}
}

func TestRedisSettings(t *testing.T) {
	t.Parallel()
	srv := testserver.Redis(t, "--maxclients", "77")
	rdb := redisClient(t, srv.URL)
	for name, want := range map[string]string{
		"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction", "save": "", "maxclients": "77",
	} {
		got, err := rdb.ConfigGet(t.Context(), name).Result()
		if err != nil || got[name] != want {
			t.Errorf("%s is %q, %v; want %q", name, got[name], err, want)
		}
	}
}

func TestRedisWithPasswordIsReady(t *testing.T) {
	t.Parallel()
	srv := testserver.Redis(t, "--requirepass", "secret")
	rdb := redisClient(t, strings.Replace(srv.URL, "://", "://:secret@", 1))
	if err := rdb.Ping(t.Context()).Err(); err != nil {
		t.Error(err)
	}
}

func TestStopFreezesAndContWakes(t *testing.T) {
	t.Parallel()
	srv := testserver.Redis(t)
	rdb := redisClient(t, srv.URL)
	if err := srv.Stop(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := rdb.Ping(ctx).Err(); err == nil {
		t.Error("a stopped server answered")
	}
	if err := srv.Cont(); err != nil {
		t.Fatal(err)
	}
	if err := rdb.Ping(t.Context()).Err(); err != nil {
		t.Errorf("after Cont: %v", err)
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	t.Parallel()
	srv, err := testserver.StartRedis(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(srv.Dir); !os.IsNotExist(err) {
		t.Errorf("the directory is still there: %v", err)
	}
	if err := syscall.Kill(srv.PID(), 0); err == nil {
		t.Errorf("process %d is alive after Close", srv.PID())
	}
}

func TestStartSaysWhatTheServerSaid(t *testing.T) {
	t.Parallel()
	srv, err := testserver.StartRedis(t.Context(), "--no-such-setting", "1")
	if err == nil {
		_ = srv.Close()
		t.Fatal("started with a wrong setting")
	}
	if !strings.Contains(err.Error(), "no-such-setting") {
		t.Errorf("the error hides the server's own words: %v", err)
	}
}

func TestStartIsBoundedByContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if srv, err := testserver.StartRedis(ctx); err == nil {
		_ = srv.Close()
		t.Error("started with a canceled context")
	}
}

func TestVersity(t *testing.T) {
	t.Parallel()
	exerciseS3(t, testserver.Versity(t))
}

func TestVersityTLS(t *testing.T) {
	t.Parallel()
	exerciseS3(t, testserver.VersityTLS(t))
}

// exerciseS3 stores an object, kills the server and finds the object again.
func exerciseS3(t *testing.T, srv *testserver.S3Server) {
	t.Helper()
	ctx, client, want := t.Context(), s3Client(srv), []byte("seven boats on a lake")
	_, err := client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &srv.Bucket, Key: aws.String("a/b.txt"), Body: bytes.NewReader(want),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Kill9(); err != nil {
		t.Fatal(err)
	}
	if err := srv.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &srv.Bucket, Key: aws.String("a/b.txt")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Body.Close() }()
	got, err := io.ReadAll(out.Body)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func redisClient(t *testing.T, url string) *redis.Client {
	t.Helper()
	opt, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	opt.ContextTimeoutEnabled = true
	rdb := redis.NewClient(opt)
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

func s3Client(srv *testserver.S3Server) *s3.Client {
	transport := &http.Transport{DisableKeepAlives: true}
	if srv.CA != nil {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(srv.CA)
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return s3.New(s3.Options{
		BaseEndpoint: &srv.Endpoint,
		Region:       srv.Region,
		UsePathStyle: true,
		Credentials:  credentials.NewStaticCredentialsProvider(srv.AccessKey, srv.SecretKey, ""),
		HTTPClient:   &http.Client{Transport: transport},
	})
}
