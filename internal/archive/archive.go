// Package archive keeps the record of each final job beside its media, so that
// the bucket alone can tell what became of a job, also when Redis has lost it
// or its retention there has passed.
package archive

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
)

// maxBytes bounds a record that is read back; a real one is a few kilobytes.
const maxBytes = 4 << 20

// schema is the version of the record's form.
const schema = 1

// record is a job at rest. It holds no credential.
type record struct {
	Schema     int          `json:"schema"`
	ID         job.ID       `json:"id"`
	Tenant     string       `json:"tenant"`
	LinkPart   string       `json:"link_part"` // the job's Secret: what its media links end in
	Spec       job.Spec     `json:"spec"`
	State      job.State    `json:"state"`
	Version    int64        `json:"version"`
	Account    string       `json:"account,omitempty"`
	UpstreamID string       `json:"upstream_id,omitempty"`
	Media      []job.Media  `json:"media,omitempty"`
	Usage      *job.Usage   `json:"usage,omitempty"`
	Failure    *fault.Error `json:"failure,omitempty"`
	Cancel     *job.Cancel  `json:"cancel,omitempty"`
	Recovered  bool         `json:"recovered,omitempty"`
	Harvest    job.Harvest  `json:"harvest,omitempty"`
	Until      time.Time    `json:"harvest_until,omitzero"`
	Created    time.Time    `json:"created_at"`
	Submitted  time.Time    `json:"submitted_at,omitzero"`
	Finished   time.Time    `json:"finished_at"`
	Deadline   time.Time    `json:"deadline"`
	Expires    time.Time    `json:"expires_at"`
}

func key(id job.ID) string { return id.Dir() + "job.json" }

// Save writes the record of a final job. Writing it again is fine.
func Save(ctx context.Context, store blob.Store, j *job.Job) error {
	b, err := json.MarshalIndent(record{
		schema, j.ID, j.Tenant, j.Secret, j.Spec, j.State, j.Version, j.Account, j.UpstreamID, j.Media, j.Usage,
		j.Failure, j.Cancel, j.Recovered, j.Harvest, j.HarvestUntil, j.CreatedAt, j.SubmittedAt, j.FinishedAt, j.Deadline, j.ExpiresAt,
	}, "", " ")
	if err != nil {
		return err
	}
	_, err = store.Put(ctx, blob.PutRequest{
		Key: key(j.ID), Body: bytes.NewReader(b), SizeBytes: int64(len(b)), ContentType: "application/json",
	})
	return err
}

// fencePrefix begins the names of the objects that fences are kept in.
const fencePrefix = "fence-"

// Remove removes all objects of a job, its record among them, but for its fences:
// nothing of the caller's is in them, and as long as Redis may go back in time
// they keep the job from being paid for again. Removing it again is fine.
func Remove(ctx context.Context, store blob.Store, id job.ID) error {
	// The record first: what has no record is found by nobody, should the rest fail.
	if err := store.Delete(ctx, key(id)); err != nil {
		return err
	}
	keys, err := store.Keys(ctx, id.Dir())
	if err != nil {
		return err
	}
	for _, k := range keys {
		if strings.HasPrefix(path.Base(k), fencePrefix) {
			continue
		}
		if err := store.Delete(ctx, k); err != nil {
			return err
		}
	}
	return nil
}

// Load reads the record of a final job; a fault.NotFound if there is none.
func Load(ctx context.Context, store blob.Store, id job.ID) (*job.Job, error) {
	r, err := store.Open(ctx, key(id), 0, -1)
	if errors.Is(err, blob.ErrNotFound) {
		return nil, fault.New(fault.NotFound, "No such job. It may have expired, or the id is mistyped.")
	}
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, "The media store cannot be reached. Try again in a moment.", err)
	}
	defer func() { _ = r.Close() }()
	b, err := io.ReadAll(io.LimitReader(r, maxBytes))
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, "The media store cannot be reached. Try again in a moment.", err)
	}
	var rec record
	if err := json.Unmarshal(b, &rec); err != nil {
		return nil, fmt.Errorf("archive: record of job %s: %w", id, err)
	}
	if rec.Schema != schema || rec.ID != id {
		return nil, fmt.Errorf("archive: record of job %s has schema %d and is that of %q", id, rec.Schema, rec.ID)
	}
	return &job.Job{
		ID: rec.ID, Tenant: rec.Tenant, Secret: rec.LinkPart, Spec: rec.Spec, State: rec.State, Version: rec.Version,
		Account: rec.Account, UpstreamID: rec.UpstreamID, Media: rec.Media, Usage: rec.Usage, Failure: rec.Failure,
		Cancel: rec.Cancel, Recovered: rec.Recovered, Harvest: rec.Harvest, HarvestUntil: rec.Until,
		CreatedAt: rec.Created, SubmittedAt: rec.Submitted, FinishedAt: rec.Finished, Deadline: rec.Deadline, ExpiresAt: rec.Expires,
	}, nil
}
