package config

import (
	"time"

	"github.com/tintypehq/tintype/internal/account"
)

// Storage is where media is kept.
type Storage struct {
	// Driver is s3, or file for a directory that every process shares. The
	// default of `tintype run` is file.
	Driver StorageDriver `yaml:"driver" default:"s3"`

	File FileStorage `yaml:"file"`
	S3   S3          `yaml:"s3"`
}

// StorageDriver is a kind of object store.
type StorageDriver string

// The object stores.
const (
	S3Storage   StorageDriver = "s3"
	DiskStorage StorageDriver = "file"
)

func (StorageDriver) values() []string { return texts(S3Storage, DiskStorage) }

// FileStorage is the driver file.
type FileStorage struct {
	// Dir is the directory; it is made if it is missing.
	Dir string `yaml:"dir" default:"./data"`
}

// S3 is the driver s3: Amazon's or any compatible store.
type S3 struct {
	// Endpoint is where media is written and read, such as
	// http://minio:9000. Empty: Amazon's for the region.
	Endpoint string `yaml:"endpoint"`

	// PublicEndpoint is the same store as callers reach it, used only to sign
	// links for media.delivery redirect. Empty: Endpoint.
	PublicEndpoint string `yaml:"public_endpoint"`

	// Bucket must exist; `tintype bucket init` makes it. Required with the driver s3.
	Bucket string `yaml:"bucket"`

	// Prefix goes before every object key, such as tintype/. Empty: none.
	Prefix string `yaml:"prefix"`

	// Region is what requests are signed for.
	Region string `yaml:"region" default:"us-east-1"`

	// PathStyle puts the bucket into the path, as most compatible stores want
	// it, and not into the host name, as Amazon does.
	PathStyle bool `yaml:"path_style" default:"true"`

	// AccessKeyID and SecretAccessKey, and SessionToken where they are
	// temporary. Empty: the AWS SDK's own chain (variables, profile, role).
	AccessKeyID     string         `yaml:"access_key_id"`
	SecretAccessKey account.Secret `yaml:"secret_access_key"`
	SessionToken    account.Secret `yaml:"session_token"`

	// CAFile is a PEM file with the authorities to trust. Empty: the system's.
	CAFile string `yaml:"ca_file"`

	// PlainUploads is for stores that refuse uploads with a checksum at their
	// end (aws-chunked). Uploads are then checked by MD5 afterwards.
	PlainUploads bool `yaml:"plain_uploads" default:"false"`
}

// Media is how media comes in and goes out.
type Media struct {
	// Delivery is proxy (the API streams the bytes from the bucket) or redirect
	// (it sends callers to a fresh signed link; needs the driver s3).
	Delivery Delivery `yaml:"delivery" default:"proxy"`

	// PresignTTL is how long a signed link of redirect works.
	PresignTTL time.Duration `yaml:"presign_ttl" default:"15m" range:"1m..7d"`

	// MaxImage and MaxVideo are the largest files that are mirrored.
	MaxImage Size `yaml:"max_image" default:"64MiB" range:"64KiB..1GiB"`
	MaxVideo Size `yaml:"max_video" default:"4GiB" range:"1MiB..64GiB"`

	// FetchTimeout is the time for copying one file, retries included.
	FetchTimeout time.Duration `yaml:"fetch_timeout" default:"30m" range:"10s..6h"`

	// StallTimeout ends a download attempt in which no byte comes.
	StallTimeout time.Duration `yaml:"stall_timeout" default:"30s" range:"1s..10m"`
}

// Delivery is how callers get media.
type Delivery string

// The ways of delivery.
const (
	Proxy    Delivery = "proxy"
	Redirect Delivery = "redirect"
)

func (Delivery) values() []string { return texts(Proxy, Redirect) }

// Retention is how long things are kept.
type Retention struct {
	// Jobs is how long a job, its events and its links live after its end.
	Jobs time.Duration `yaml:"jobs" default:"7d" range:"1h..365d"`

	// Min and Max bound what a request may ask for by expires_after; Min is what
	// "store": false comes to. Min is at least Absorb. Max 0s: Jobs.
	Min time.Duration `yaml:"min" default:"1h" range:"1m..365d"`
	Max time.Duration `yaml:"max" default:"0s" range:"0s..365d"`
	// Files is how long a file uploaded to /v1/files is kept. A caller may ask for
	// less.
	Files time.Duration `yaml:"files" default:"30d" range:"1h..30d"`

	// Idempotency is how long an Idempotency-Key finds its job.
	Idempotency time.Duration `yaml:"idempotency" default:"24h" range:"1h..30d"`

	// Absorb is how long after its end a job still takes in the retries that an
	// OpenAI SDK makes by itself, without a key; a running job always does. 0s:
	// never, and each such retry is paid anew.
	Absorb time.Duration `yaml:"absorb" default:"10m" range:"0s..1h"`
}
