package ark

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/crash"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
)

// Submit implements [upstream.Driver]. Images come back with it; a video has an
// id to ask for.
func (d *Driver) Submit(ctx context.Context, a account.Account, s upstream.Submission) (upstream.Submitted, error) {
	if !usable(a.Secret) {
		return upstream.Submitted{}, badCredential()
	}
	submit := d.submitVideo
	if s.Spec.Kind == job.Image {
		submit = d.submitImage
	}
	out, err := submit(ctx, a, s)
	if err != nil {
		return upstream.Submitted{}, lost(err)
	}
	return out, nil
}

// attempt names a submission towards the upstream, by a hash: our own ids stay
// with us. The same job and fence give the same name.
func attempt(s upstream.Submission) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "tintype:%s:%d", s.Job, s.Fence))
	return hex.EncodeToString(sum[:16])
}

func (d *Driver) submission(op operation, a account.Account, s upstream.Submission, path string, body []byte) call {
	return call{
		op: op, method: http.MethodPost, url: d.base + path, secret: a.Secret, body: body,
		accept: "application/json", trace: attempt(s), via: d.submits,
		written: func() { crash.At(crash.OnTheWire, string(s.Job)) },
	}
}

// badCredential is what cannot even be put into a header.
func badCredential() *upstream.Error {
	return &upstream.Error{
		Class: upstream.Auth, Outcome: upstream.Rejected,
		Fault: fault.New(fault.CredentialRejected, saysCredential),
	}
}

// lost makes an ambiguous error speak of money: the caller must not take it for
// one that can be tried again for free.
func lost(e *upstream.Error) *upstream.Error {
	if e.Outcome == upstream.Ambiguous {
		e.Fault = fault.New(fault.OutcomeUnknown, saysOutcome)
	}
	return e
}
