package testserver

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// S3Server is an S3 server with one bucket. Its keys are its own: a client of
// another test's server is refused.
type S3Server struct {
	*Process

	Endpoint  string // "http://127.0.0.1:port" or "https://…"; path-style addresses
	AccessKey string
	SecretKey string
	Region    string
	Bucket    string // exists and is empty
	CA        []byte // PEM of the certificate to trust; nil over plain HTTP
}

// Transport is how clients reach an S3 server.
type Transport string

// The transports. They matter, since the SDK sends an upload's checksum in a
// trailer over TLS only.
const (
	PlainHTTP Transport = "http"
	TLS       Transport = "https"
)

// StartVersity starts a versitygw; the caller closes it. ctx bounds the start
// only, which includes the building of versitygw if it was never built.
func StartVersity(ctx context.Context, transport Transport) (*S3Server, error) {
	return startS3(ctx, "versitygw", transport, func(s *S3Server, addr string) error {
		data, err := s.mkdir("data")
		if err != nil {
			return err
		}
		s.args = []string{
			"--access", s.AccessKey, "--secret", s.SecretKey, "--region", s.Region,
			"--keep-alive", "--quiet", "--health", "/health", "--port", addr,
		}
		if s.CA != nil {
			s.args = append(s.args, "--cert", s.certFile(), "--key", s.keyFile())
		}
		s.args = append(s.args, "posix", data)
		return nil
	})
}

// StartMinIO starts a MinIO; the caller closes it. ctx bounds the start only,
// which includes the building of MinIO if it was never built.
func StartMinIO(ctx context.Context) (*S3Server, error) {
	return startS3(ctx, "minio", PlainHTTP, func(s *S3Server, addr string) error {
		data, err := s.mkdir("data")
		if err != nil {
			return err
		}
		s.args = []string{"server", "--quiet", "--address", addr, data}
		s.env = append(s.env,
			"MINIO_ROOT_USER="+s.AccessKey, "MINIO_ROOT_PASSWORD="+s.SecretKey,
			"MINIO_REGION="+s.Region, "MINIO_BROWSER=off", "MINIO_UPDATE=off")
		return nil
	})
}

// startS3 starts a server of one kind. command fills in the command line.
func startS3(ctx context.Context, tool string, transport Transport, command func(s *S3Server, addr string) error) (*S3Server, error) {
	path, err := toolPath(ctx, tool)
	if err != nil {
		return nil, err
	}
	var s *S3Server
	err = onFreePort(ctx, func(addr string) error {
		dir, err := newDir()
		if err != nil {
			return err
		}
		if s, err = newS3(tool, path, dir, addr, transport); err == nil {
			err = command(s, addr)
		}
		if err == nil {
			err = s.start(ctx)
		}
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

func newS3(name, path, dir, addr string, transport Transport) (*S3Server, error) {
	s := &S3Server{
		Process:   &Process{Dir: dir, name: name, path: path, env: []string{"HOME=" + dir}},
		Endpoint:  string(transport) + "://" + addr,
		AccessKey: "test" + rand.Text()[:12],
		SecretKey: rand.Text(),
		Region:    "us-east-1",
		Bucket:    "tintype-test",
	}
	if transport == TLS {
		if err := s.makeCertificate(); err != nil {
			return nil, err
		}
	}
	client := s.httpClient()
	s.ready = func(ctx context.Context) error { return s.createBucket(ctx, client) }
	return s, nil
}

func (s *S3Server) mkdir(name string) (string, error) {
	dir := filepath.Join(s.Dir, name)
	return dir, os.Mkdir(dir, 0o700)
}

// httpClient gives a client that trusts this server and nobody else.
func (s *S3Server) httpClient() *http.Client {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.CA)
	return &http.Client{
		Timeout: 10 * time.Second,
		Transport: &http.Transport{
			DisableKeepAlives: true, // nothing of it is left for goleak to find
			TLSClientConfig:   &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		},
	}
}

// createBucket makes the bucket. After a restart it exists already, which
// shows just as well that the server is ours and does its work.
func (s *S3Server) createBucket(ctx context.Context, client *http.Client) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, s.Endpoint+"/"+s.Bucket, http.NoBody)
	if err != nil {
		return err
	}
	empty := sha256.Sum256(nil)
	hash := hex.EncodeToString(empty[:])
	req.Header.Set("X-Amz-Content-Sha256", hash)
	keys := aws.Credentials{AccessKeyID: s.AccessKey, SecretAccessKey: s.SecretKey}
	if err := v4.NewSigner().SignHTTP(ctx, keys, req, hash, "s3", s.Region, time.Now()); err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusConflict {
		return fmt.Errorf("create bucket: %s: %s", resp.Status, body)
	}
	return nil
}
