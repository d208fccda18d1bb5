package ark

import (
	"context"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
)

// Recovery implements [upstream.Driver].
func (d *Driver) Recovery(job.Spec) upstream.Recovery { return upstream.Recovery{} }

// Lookup implements [upstream.Driver].
func (d *Driver) Lookup(context.Context, account.Account, upstream.Submission) (string, error) {
	return "", &upstream.Error{Class: upstream.Unknown, Fault: fault.New(fault.Upstream, saysGarbled)}
}

// Cancel implements [upstream.Driver].
func (d *Driver) Cancel(context.Context, account.Account, string) (upstream.CancelAnswer, error) {
	return upstream.WorksOn, nil
}
