// Package s3blob keeps objects in an S3 bucket, Amazon's or any compatible one.
//
// How an object is written depends on what is known of it:
//
//	up to 1 MiB        read into memory, one PutObject, repeated by the SDK
//	length known       one PutObject while the body flows, never repeated here
//	length unknown     multipart, two parts of 8 MiB in memory
//	above 5 GiB        multipart too, as S3 wants it
//	must be new        one PutObject with "If-None-Match: *", small and in memory
//
// Every request carries a CRC-32 that the server compares, and the server's
// answer must show the same sum before a Put counts. A body that flows has its
// sum in a trailer behind it (aws-chunked): the SDK does that over TLS alone,
// this package over plain HTTP too, since it also marks where the body ends.
// Without that mark some servers show a body that was cut off as an object,
// over the one that was there. Stores that do not know such bodies need
// Config.PlainUploads.
//
// "If-None-Match: *" is S3's own since 2024. Not every compatible store has it,
// and one that has not may take the request all the same: blob.ProveNew tells.
//
// The credentials need s3:PutObject, GetObject, DeleteObject, ListBucket (else
// S3 answers 403 in place of 404), ListBucketMultipartUploads and
// AbortMultipartUpload on the bucket. Store.Init needs CreateBucket, the two of
// LifecycleConfiguration and, for browsers, the two of BucketCORS beside them.
package s3blob

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/tintypehq/tintype/internal/blob"
)

// Config says where the bucket is. Bucket alone is required.
type Config struct {
	Endpoint       string // base URL to write and read; empty: Amazon's for Region
	PublicEndpoint string // base URL to sign links for; empty: Endpoint
	Bucket         string // must exist
	Prefix         string // goes before every key; a "/" between is added
	Region         string // default "us-east-1"
	PathStyle      bool   // the bucket in the path and not in the host name

	// AccessKeyID and SecretAccessKey, and SessionToken where they are
	// temporary. All empty: the SDK's own chain of variables, files and roles.
	AccessKeyID, SecretAccessKey, SessionToken string

	// CA holds certificates in PEM to trust in place of the system's.
	CA []byte

	// PlainUploads sends bodies as they are, for stores that refuse
	// aws-chunked ones. Then an object is believed by its MD5, which costs
	// time, and a broken upload is cleared away afterwards by this process.
	PlainUploads bool

	ConnectTimeout time.Duration // default 10 s
	StallTimeout   time.Duration // longest time without progress of a body; default 30 s
	AnswerTimeout  time.Duration // from the request's end to the answer; default 2 min
}

// Store is a blob.Store and a blob.Presigner. Make one with [New].
type Store struct {
	cfg       Config
	client    *s3.Client
	links     *s3.PresignClient
	transport *http.Transport
	buffers   sync.Pool // of *[]byte, partBytes long
	impatient *Store    // the same without retries, for Check: somebody waits for it
}

var (
	_ blob.Store     = (*Store)(nil)
	_ blob.Presigner = (*Store)(nil)
)

// New makes a Store. It does not reach for the bucket: Check does. The caller
// closes it.
func New(ctx context.Context, cfg Config) (*Store, error) {
	cfg.Region = cmp.Or(cfg.Region, "us-east-1")
	cfg.PublicEndpoint = cmp.Or(cfg.PublicEndpoint, cfg.Endpoint)
	cfg.ConnectTimeout = cmp.Or(cfg.ConnectTimeout, 10*time.Second)
	cfg.StallTimeout = cmp.Or(cfg.StallTimeout, 30*time.Second)
	cfg.AnswerTimeout = cmp.Or(cfg.AnswerTimeout, 2*time.Minute)
	if cfg.Prefix = strings.Trim(cfg.Prefix, "/"); cfg.Prefix != "" {
		if err := blob.CheckKey(cfg.Prefix); err != nil {
			return nil, fmt.Errorf("storage.s3.prefix: %w", err)
		}
		cfg.Prefix += "/"
	}
	keys, err := cfg.credentials(ctx)
	if err != nil {
		return nil, err
	}
	transport, err := cfg.newTransport()
	if err != nil {
		return nil, err
	}
	s := newStore(cfg, keys, transport)
	s.impatient = newStore(cfg, keys, transport, once)
	return s, nil
}

func newStore(cfg Config, keys aws.CredentialsProvider, transport *http.Transport, how ...func(*s3.Options)) *Store {
	return &Store{
		cfg:       cfg,
		client:    s3.New(cfg.options(cfg.Endpoint, keys, transport), how...),
		links:     s3.NewPresignClient(s3.New(cfg.options(cfg.PublicEndpoint, keys, transport))),
		transport: transport,
	}
}

// Close closes idle connections. Objects that are open stay readable.
func (s *Store) Close() { s.transport.CloseIdleConnections() }

func (c Config) credentials(ctx context.Context) (aws.CredentialsProvider, error) {
	if c.AccessKeyID != "" {
		return aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, c.SessionToken)), nil
	}
	chain, err := config.LoadDefaultConfig(ctx, config.WithRegion(c.Region))
	if err != nil {
		return nil, fmt.Errorf("storage.s3.access_key_id is empty, and the AWS SDK's own settings cannot be read: %w", err)
	}
	return chain.Credentials, nil
}

func (c Config) newTransport() (*http.Transport, error) {
	var roots *x509.CertPool // nil: the system's
	if c.CA != nil {
		roots = x509.NewCertPool()
		if !roots.AppendCertsFromPEM(c.CA) {
			return nil, errors.New("the CA for storage.s3 holds no certificate in PEM")
		}
	}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: c.ConnectTimeout}).DialContext,
		TLSHandshakeTimeout:   c.ConnectTimeout,
		TLSClientConfig:       &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		ResponseHeaderTimeout: c.AnswerTimeout,
		ExpectContinueTimeout: time.Second,
		MaxIdleConnsPerHost:   32,
		IdleConnTimeout:       90 * time.Second,
		WriteBufferSize:       64 << 10,
		ReadBufferSize:        64 << 10,
		DisableCompression:    true,
	}, nil
}

// options sets all that the SDK would otherwise take from its own defaults,
// which differ between its constructors and from version to version.
func (c Config) options(endpoint string, keys aws.CredentialsProvider, transport *http.Transport) s3.Options {
	o := s3.Options{
		Region:       c.Region,
		Credentials:  keys,
		UsePathStyle: c.PathStyle,
		HTTPClient: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		RequestChecksumCalculation:                aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation:                aws.ResponseChecksumValidationWhenRequired,
		RetryMode:                                 aws.RetryModeStandard,
		RetryMaxAttempts:                          3,
		DisableLogOutputChecksumValidationSkipped: true,
	}
	if endpoint != "" {
		o.BaseEndpoint = aws.String(endpoint)
	}
	return o
}

// name gives the object's name in the bucket.
func (s *Store) name(key string) *string { return aws.String(s.cfg.Prefix + key) }
