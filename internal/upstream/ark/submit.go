package ark

import (
	"context"
	"net/http"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/crash"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

// Submit implements [upstream.Driver]. Images come back with it; a video has an
// id to ask for.
func (d *Driver) Submit(ctx context.Context, a account.Account, s upstream.Submission) (upstream.Submitted, error) {
	if !wire.Usable(a.Secret) {
		return upstream.Submitted{}, wire.BadCredential()
	}
	submit := d.submitVideo
	if s.Spec.Kind == job.Image {
		submit = d.submitImage
	}
	out, err := submit(ctx, a, s)
	if err != nil {
		return upstream.Submitted{}, wire.Lost(err)
	}
	return out, nil
}

func (d *Driver) submission(op wire.Operation, a account.Account, s upstream.Submission, path string, body []byte) wire.Call {
	return wire.Call{
		Op: op, Method: http.MethodPost, URL: d.base + path, Secret: a.Secret, Body: body,
		Accept: "application/json", Trace: wire.Attempt(s), Via: d.submits,
		Written: func() { crash.At(crash.OnTheWire, string(s.Job)) },
	}
}
