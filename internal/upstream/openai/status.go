package openai

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

// Status implements [upstream.Driver]: it asks after a video.
func (d *Driver) Status(ctx context.Context, a account.Account, upstreamID string) (upstream.Status, error) {
	c, failure := d.about(a, upstreamID)
	if failure != nil {
		return upstream.Status{}, wire.Free(failure)
	}
	v, failure := d.ask(ctx, c)
	if failure != nil {
		return upstream.Status{}, wire.Free(failure)
	}
	st, failure := d.status(c, upstreamID, v)
	return st, wire.Free(failure)
}

// about is the call that asks after a video.
func (d *Driver) about(a account.Account, upstreamID string) (wire.Call, *upstream.Error) {
	if d.cfg.Videos == NoVideos {
		upstreamID = "" // nobody here could know it
	}
	if e := wire.Askable(a, upstreamID); e != nil {
		return wire.Call{}, e
	}
	return wire.Call{
		Op: wire.Status, Method: http.MethodGet, URL: d.videoURL(upstreamID),
		Secret: a.Secret, Accept: "application/json", Via: d.pooled,
	}, nil
}

func (d *Driver) videoURL(id string) string {
	if d.cfg.Videos == NewAPI {
		return d.base + "/video/generations/" + url.PathEscape(id)
	}
	return d.base + "/videos/" + url.PathEscape(id)
}

// ask gives the video object of an answer, which has a status.
func (d *Driver) ask(ctx context.Context, c wire.Call) (videoAnswer, *upstream.Error) {
	var v videoAnswer
	ans, raw, failure := c.Do(ctx, d.cfg.StatusTimeout, wire.SmallAnswer)
	if failure == nil && ans.StatusCode/100 != 2 {
		failure = d.statusRefusal(ans, raw)
	}
	if failure == nil {
		failure = d.decode(ans, raw, &v)
	}
	if failure == nil && v.Status == "" {
		failure = d.lacking(ans, raw, "a video without a status")
	}
	return v, failure
}

// statusRefusal is cautious with 404: only the upstream itself may say that a
// job is gone, in its own words, not a server in front of it.
func (d *Driver) statusRefusal(a wire.Answer, raw []byte) *upstream.Error {
	e := d.refusal(a, raw)
	if _, own := parseEnvelope(raw); e.Class == upstream.Lost && !own {
		e.Class, e.Fault = upstream.Transient, fault.New(fault.Upstream, wire.SaysGarbled)
	}
	return e
}

// word is what a status means. The documented words are queued, in_progress,
// completed (videos), succeeded (new-api) and failed; the others were seen.
type word string

const (
	waits   word = "waits"
	works   word = "works" // also a word that nobody knows: the job's own deadline bounds it
	done    word = "done"
	failed  word = "failed"
	stopped word = "stopped"
)

func (v videoAnswer) word() word {
	switch strings.ToLower(v.Status) {
	case "queued", "pending", "submitted":
		return waits
	case "completed", "succeeded", "success":
		return done
	case "cancelled", "canceled":
		return stopped
	case "failed", "failure", "expired":
		if v.Error != nil && v.Error.any("canceled", "cancelled") {
			return stopped
		}
		return failed
	}
	return works
}

func (d *Driver) status(c wire.Call, id string, v videoAnswer) (upstream.Status, *upstream.Error) {
	switch v.word() {
	case waits:
		return upstream.Status{State: upstream.Working, Phase: job.PhaseQueued}, nil
	case done:
		return d.ready(id, v)
	case failed:
		return upstream.Status{State: upstream.Failed, Failure: d.taskFailure(c, v.Error)}, nil
	case stopped:
		return upstream.Status{State: upstream.Failed, Failure: fault.New(fault.GenerationFailed, "The job was cancelled at the upstream.")}, nil
	case works:
	}
	return upstream.Status{State: upstream.Working, Phase: job.PhaseGenerating}, nil
}

// ready says where the video is: at a link that the upstream tells, or behind the
// credential, see Guards.
func (d *Driver) ready(id string, v videoAnswer) (upstream.Status, *upstream.Error) {
	st := upstream.Status{State: upstream.Ready, Took: upstream.Took(int64(v.CreatedAt), int64(v.CompletedAt))}
	if d.cfg.Videos == NewAPI {
		st.Sources = v.made()
		if v.URL != "" {
			st.Sources = []job.Source{{Role: job.Primary, URL: v.URL}}
		}
		if len(st.Sources) == 0 {
			return upstream.Status{}, wire.Ambiguous(upstream.Empty, wire.SaysEmpty, errors.New("succeeded without a link"))
		}
		return st, nil
	}
	content := d.videoURL(id) + "/content"
	st.Sources = []job.Source{{Role: job.Primary, URL: content}}
	if d.cfg.Thumbnails {
		st.Sources = append(st.Sources, job.Source{Role: job.Cover, URL: content + "?variant=thumbnail"})
	}
	return st, nil
}

// Guards implements [upstream.Opener]: the content of a video is behind the
// credential, and nothing else is. A link that the upstream tells gets none.
func (d *Driver) Guards(src job.Source) bool {
	path, ours := strings.CutPrefix(src.URL, d.base+"/videos/")
	path, _, _ = strings.Cut(path, "?")
	return d.cfg.Videos == Videos && ours && strings.HasSuffix(path, "/content")
}

// Authorize implements [upstream.Opener].
func (d *Driver) Authorize(a account.Account, h http.Header) {
	if wire.Usable(a.Secret) {
		h.Set("Authorization", "Bearer "+a.Secret.Reveal())
	}
}

// taskFailure tells the caller why an accepted job failed: for what the request
// itself is to blame, in the same words as at the door; else in general.
func (d *Driver) taskFailure(c wire.Call, e *apiError) *fault.Error {
	if e == nil || e.empty() {
		return fault.New(fault.GenerationFailed, wire.SaysFailed)
	}
	c.Op = wire.Video // names the fields as the request did
	u := d.classify(c, 0, nil, *e)
	switch u.Class {
	case upstream.ContentRejected:
		return withCause(u.Fault, u.Cause)
	case upstream.InvalidInput:
		f := fault.New(fault.GenerationFailed, wire.SaysFailed+" It does not accept a part of the request.")
		return withCause(f.WithParam(u.Fault.Param), u.Cause)
	case upstream.Auth, upstream.RiskControl, upstream.RateLimited, upstream.Quota, upstream.NotServed, upstream.Overloaded,
		upstream.Transient, upstream.Empty, upstream.Timeout, upstream.Lost, upstream.Unknown:
	}
	return fault.Wrap(fault.GenerationFailed, wire.SaysFailed, fmt.Errorf("task failed: %w", u.Cause))
}

// Recovery implements [upstream.Driver]: no submission can be found again.
func (d *Driver) Recovery(job.Spec) upstream.Recovery { return upstream.Recovery{} }

// Lookup implements [upstream.Driver]. It can say neither yes nor no.
func (d *Driver) Lookup(_ context.Context, a account.Account, _ upstream.Submission) (string, error) {
	if !wire.Usable(a.Secret) {
		return "", wire.Free(wire.BadCredential())
	}
	return "", wire.Free(wire.Ambiguous(upstream.Unknown, wire.SaysGarbled, errors.New("submissions carry no mark")))
}

// Check implements [upstream.Driver] by listing the models, which is free.
func (d *Driver) Check(ctx context.Context, a account.Account) error {
	if !wire.Usable(a.Secret) {
		return wire.Free(wire.BadCredential())
	}
	const listBytes = 16 << 20 // gateways have thousands of models
	ans, raw, failure := wire.Call{
		Op: wire.Check, Method: http.MethodGet, URL: d.base + "/models",
		Secret: a.Secret, Accept: "application/json", Via: d.pooled,
	}.Do(ctx, d.cfg.StatusTimeout, listBytes)
	if failure == nil && ans.StatusCode/100 != 2 {
		failure = d.refusal(ans, raw)
	}
	return wire.Free(failure)
}
