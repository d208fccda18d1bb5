package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/probe"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// fileIDPrefix is what the ids of uploaded files begin with.
const fileIDPrefix = "file-"

// storedFile is the record of an uploaded file, in the bucket beside its bytes:
// Redis knows nothing of it.
type storedFile struct {
	Schema      int       `json:"schema"`
	ID          string    `json:"id"`
	Tenant      string    `json:"tenant"` // the files of other tenants do not exist for it
	Filename    string    `json:"filename"`
	Key         string    `json:"key"`
	ContentType string    `json:"content_type"` // by the bytes
	SizeBytes   int64     `json:"size_bytes"`
	CreatedAt   time.Time `json:"created_at"`
	ExpiresAt   time.Time `json:"expires_at"`
}

// fileSchema is the version of the record's form.
const fileSchema = 1

// namesFile tells whether a text is meant as the id of an uploaded file, ours or
// another service's. No picture's base64 begins so.
func namesFile(s string) bool {
	const longest = 100
	return strings.HasPrefix(s, fileIDPrefix) && len(s) <= longest
}

// isFileID tells whether a text can be an id of ours: 80 of its bits are random, as
// a job's.
func isFileID(s string) bool {
	id, ok := strings.CutPrefix(s, fileIDPrefix)
	if ok {
		_, ok = job.ParseID(id)
	}
	return ok
}

func fileDir(id string) string { return "files/" + strings.TrimPrefix(id, fileIDPrefix) + "/" }

func fileRecord(id string) string { return fileDir(id) + "file.json" }

func newStoredFile(tenant string, up upload, facts probe.Facts, now time.Time, keep time.Duration) storedFile {
	now = now.UTC().Truncate(time.Second)
	id := fileIDPrefix + string(job.NewID(now))
	return storedFile{
		Schema: fileSchema, ID: id, Tenant: tenant, Filename: up.name, Key: fileDir(id) + "content" + facts.Ext, ContentType: facts.ContentType,
		SizeBytes: int64(len(up.bytes)), CreatedAt: now, ExpiresAt: now.Add(keep),
	}
}

func (f storedFile) view() tintype.File {
	return tintype.File{
		ID: f.ID, Object: tintype.ObjectFile, Bytes: f.SizeBytes, CreatedAt: f.CreatedAt.Unix(), ExpiresAt: f.ExpiresAt.Unix(),
		Filename: f.Filename, Purpose: purposeVision, Status: "processed",
	}
}

// putFile stores the bytes, then the record: what has a record is there.
func (s *Server) putFile(ctx context.Context, f storedFile, content []byte) error {
	record, err := json.Marshal(f)
	if err != nil {
		return err
	}
	for _, one := range []struct {
		key, contentType string
		content          []byte
	}{{f.Key, f.ContentType, content}, {fileRecord(f.ID), contentJSON, record}} {
		_, err := s.cfg.Blobs.Put(ctx, blob.PutRequest{
			Key: one.key, Body: bytes.NewReader(one.content), SizeBytes: int64(len(one.content)), ContentType: one.contentType,
		})
		if err == nil {
			continue
		}
		s.takeBackFile(ctx, f)
		if ctx.Err() != nil {
			return context.Cause(ctx) // the caller went away
		}
		return errMediaStore(err)
	}
	return nil
}

// takeBackFile removes what a broken upload has left. The bucket's expiry rule has
// what cannot be removed now.
func (s *Server) takeBackFile(ctx context.Context, f storedFile) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storePatience)
	defer cancel()
	if err := s.dropFile(ctx, f); err != nil {
		s.cfg.Log.WarnContext(ctx, "cannot delete a file whose upload failed", "file_id", f.ID, "err", err)
	}
}

// dropFile removes a file, its record first.
func (s *Server) dropFile(ctx context.Context, f storedFile) error {
	if err := s.cfg.Blobs.Delete(ctx, fileRecord(f.ID)); err != nil {
		return err
	}
	return s.cfg.Blobs.Delete(ctx, f.Key)
}

// errNoFile is for unknown files, expired ones and those of somebody else alike. A
// field is told with what stood in it; a path is not.
func errNoFile(param, id string) error {
	const rest = "It may have expired, or belong to another credential. Upload it with POST /v1/files."
	if param == "" {
		return fault.New(fault.NotFound, "There is no such file. "+rest)
	}
	return fault.Newf(fault.NotFound, "%s: there is no file %q. %s", param, clip(id), rest).WithParam(param)
}

// findFile gives the tenant's own file. param is the field that named it; empty:
// the path did.
func (s *Server) findFile(ctx context.Context, tenant, id, param string) (storedFile, error) {
	var f storedFile
	if !isFileID(id) {
		return f, errNoFile(param, id)
	}
	r, err := s.cfg.Blobs.Open(ctx, fileRecord(id), 0, -1)
	switch {
	case errors.Is(err, blob.ErrNotFound):
		return f, errNoFile(param, id)
	case err != nil:
		return f, errMediaStore(err)
	}
	defer func() { _ = r.Close() }() // read only: its error says nothing about the bytes
	const longest = 64 << 10
	b, err := io.ReadAll(io.LimitReader(r, longest))
	if err != nil {
		return f, errMediaStore(err)
	}
	if err := json.Unmarshal(b, &f); err != nil || f.Schema != fileSchema || f.ID != id {
		return f, fmt.Errorf("server: record of file %s: schema %d, id %q: %w", id, f.Schema, f.ID, err)
	}
	if f.Tenant != tenant || !time.Now().Before(f.ExpiresAt) {
		return f, errNoFile(param, id)
	}
	return f, nil
}

// fileBytes reads the tenant's own file, and tells its content type.
func (s *Server) fileBytes(ctx context.Context, tenant, id, param string, held *share) ([]byte, string, error) {
	f, err := s.findFile(ctx, tenant, id, param)
	if err != nil {
		return nil, "", err
	}
	r, err := s.cfg.Blobs.Open(ctx, f.Key, 0, -1)
	switch {
	case errors.Is(err, blob.ErrNotFound):
		return nil, "", errNoFile(param, id)
	case err != nil:
		return nil, "", errMediaStore(err)
	}
	defer func() { _ = r.Close() }() // read only: its error says nothing about the bytes
	b, err := held.read(io.LimitReader(r, f.SizeBytes+1), f.SizeBytes)
	if err == nil && int64(len(b)) != f.SizeBytes {
		err = fmt.Errorf("%d of %d bytes", len(b), f.SizeBytes)
	}
	switch {
	case errors.Is(err, errNoRoom):
		return nil, "", errFull(err)
	case err != nil:
		return nil, "", errMediaStore(err)
	}
	return b, f.ContentType, nil
}
