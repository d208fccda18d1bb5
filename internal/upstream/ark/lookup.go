package ark

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/rawjson"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

const (
	listPageSize    = 500      // the largest that is documented
	listPages       = 40       // the most that one lookup reads
	listAnswerBytes = 16 << 20 // of one page
)

// Recovery implements [upstream.Driver]. A video of a family that echoes an
// identifier can be found again. An image comes with the submission's own
// answer and leaves nothing behind that could be asked for.
func (d *Driver) Recovery(spec job.Spec) upstream.Recovery {
	if spec.Kind != job.Video || !d.profile(spec.UpstreamModel, upstream.VideoModel).Video.Identifier {
		return upstream.Recovery{}
	}
	return upstream.Recovery{ByLookup: true, VisibleWithin: d.cfg.VisibilityLag}
}

// Lookup implements [upstream.Driver]: it reads the account's list of tasks for
// the mark that the submission carried. What a task became does not matter, it
// was created. If several carry the mark, the oldest is given, and among equals
// the one whose id sorts first: the same at each call.
//
// Whoever reads that nothing is there may pay again, so nothing is said to be
// there only after the whole list was seen, and no task in it could be the one
// without its mark. The list's filters are not used: what filter.model compares
// is not certain for model ids.
func (d *Driver) Lookup(ctx context.Context, a account.Account, s upstream.Submission) (string, error) {
	if !wire.Usable(a.Secret) {
		return "", wire.Free(wire.BadCredential())
	}
	if !d.Recovery(s.Spec).ByLookup {
		return "", wire.Free(unlearned(errors.New("submissions of this model carry no mark")))
	}
	look := d.newSearch(s)
	for page := 1; page <= listPages && !look.over; page++ {
		list, failure := d.list(ctx, a, page)
		if failure == nil {
			failure = look.read(list)
		}
		if failure != nil {
			return "", wire.Free(failure)
		}
	}
	id, failure := look.result()
	return id, wire.Free(failure)
}

// unlearned is the error of a lookup that could say neither yes nor no.
func unlearned(cause error) *upstream.Error {
	return wire.Ambiguous(upstream.Unknown, wire.SaysGarbled, cause)
}

// taskList is one page of the account's tasks. The order is not documented.
type taskList struct {
	Total *float64     `json:"total"` // of all pages
	Items []listedTask `json:"items"`
	Error *apiError    `json:"error"`
}

type listedTask struct {
	ID        string         `json:"id"`
	Model     string         `json:"model"`
	Mark      string         `json:"safety_identifier"`
	CreatedAt rawjson.Number `json:"created_at"` // Unix seconds
}

// list asks for one page, from 1.
func (d *Driver) list(ctx context.Context, a account.Account, page int) (taskList, *upstream.Error) {
	c := wire.Call{
		Op: wire.List, Method: http.MethodGet, URL: fmt.Sprintf("%s%s?page_num=%d&page_size=%d", d.base, tasksPath, page, listPageSize),
		Secret: a.Secret, Accept: "application/json", Via: d.pooled,
	}
	var list taskList
	raw, failure := d.get(ctx, c, listAnswerBytes)
	if failure == nil {
		failure = decodeAnswer(raw, &list)
	}
	if failure == nil && (list.Error != nil || list.Total == nil || *list.Total < 0) {
		failure = d.inside(c, list.Error, "a list without a total")
	}
	return list, failure
}
