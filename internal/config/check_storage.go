package config

import (
	"strings"
)

func (l *loader) checkStorage() {
	s := l.cfg.Storage
	switch s.Driver {
	case DiskStorage:
		l.require("storage.file.dir", s.File.Dir == "", " with the driver file")
	case S3Storage:
		l.checkS3(s.S3)
	}
}

func (l *loader) checkS3(s S3) {
	const at = "storage.s3."
	l.require(at+"bucket", s.Bucket == "", " with the driver s3")
	l.require(at+"region", s.Region == "", " with the driver s3")
	l.checkURL(at+"endpoint", s.Endpoint)
	l.checkURL(at+"public_endpoint", s.PublicEndpoint)
	if strings.ContainsAny(s.Bucket, "/ ") {
		l.report(at+"bucket", "must be a bucket's name alone; what goes before object keys is storage.s3.prefix")
	}
	if strings.HasPrefix(s.Prefix, "/") || strings.Contains(s.Prefix, "//") {
		l.report(at+"prefix", "must not begin with / or hold //: not every store takes such keys")
	}
	if (s.AccessKeyID == "") != s.SecretAccessKey.IsZero() {
		l.report(at+"access_key_id", "must be set together with storage.s3.secret_access_key")
	}
	if !s.SessionToken.IsZero() && s.AccessKeyID == "" {
		l.report(at+"session_token", "is of no use without storage.s3.access_key_id")
	}
}

func (l *loader) checkMedia() {
	m := l.cfg.Media
	if m.Delivery == Redirect && l.cfg.Storage.Driver != S3Storage {
		l.report("media.delivery", "must be proxy with the storage driver file, which has no links to redirect to")
	}
	if m.StallTimeout > m.FetchTimeout {
		l.report("media.stall_timeout", "must not be longer than media.fetch_timeout, %s; is %s", formatDuration(m.FetchTimeout), formatDuration(m.StallTimeout))
	}
}
