package openai

import (
	"context"
	"net/http"
	"slices"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/crash"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

// Submit implements [upstream.Driver]. Images come back with it; a video has an
// id to ask for, unless the upstream holds the call until it is made.
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

// submission is the call that is paid.
func (d *Driver) submission(op wire.Operation, a account.Account, s upstream.Submission, path string, r *request) (wire.Call, *upstream.Error) {
	body, contentType, err := r.encode()
	if err != nil {
		return wire.Call{}, wire.Refused(fault.Wrap(fault.Internal, "The request could not be written.", err))
	}
	return wire.Call{
		Op: op, Method: http.MethodPost, URL: d.base + path, Secret: a.Secret, Body: body, ContentType: contentType,
		Accept: "application/json", Trace: wire.Attempt(s), Via: d.submits,
		Written: func() { crash.At(crash.OnTheWire, string(s.Job)) },
	}, nil
}

// inputs are the images that a request brings, the first one first.
func inputs(s upstream.Submission) [][]byte {
	var all [][]byte
	if len(s.Image) > 0 {
		all = append(all, s.Image)
	}
	return append(all, s.References...)
}

// shape adds the size, or the ratio where the upstream takes ratios.
func (r *request) shape(spec job.Spec, f Format) *upstream.Error {
	size := spec.Size
	if size == "" && spec.Ratio != "" {
		var known bool
		if size, known = f.Ratios[spec.Ratio]; !known {
			return wire.Refused(fault.New(fault.Invalid, "This model cannot make that ratio. GET /v1/models lists the ratios of each model.").WithParam("ratio"))
		}
		if size == "" {
			r.set("ratio", spec.Ratio)
			return nil
		}
	}
	if spec.Size != "" && (!isSize(size) || len(f.Sizes) > 0 && !slices.Contains(f.Sizes, size)) {
		return wire.Refused(fault.New(fault.Invalid, "This model cannot make that size. GET /v1/models lists the sizes of each model.").WithParam("size"))
	}
	r.set("size", size)
	return nil
}

// extras adds what OpenAI's own models do not take, and others do. The registry
// says for which models a caller may ask for them.
func (r *request) extras(spec job.Spec) {
	if spec.Seed != nil {
		r.number("seed", *spec.Seed)
	}
	r.set("negative_prompt", spec.NegativePrompt)
}

// unable refuses what this upstream cannot be asked for. The door does so too,
// from what the registry says of the model.
func unable(message, param string) *upstream.Error {
	return wire.Refused(fault.New(fault.Invalid, message).WithParam(param))
}
