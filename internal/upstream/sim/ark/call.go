package ark

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/tintypehq/tintype/internal/upstream/sim/accounts"
	"github.com/tintypehq/tintype/internal/upstream/sim/faults"
)

// decode reads a JSON object strictly: unknown fields are refused.
func decode(data []byte, into any) *problem {
	if len(bytes.TrimSpace(data)) == 0 {
		return &problem{
			Status: 400, Code: "InvalidParameter", Type: "BadRequest",
			Message: "The request body is empty.",
		}
	}
	if err := strictly(data, into); err != nil {
		return malformed(err)
	}
	return nil
}

func strictly(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("data after the JSON object")
	}
	return nil
}

func malformed(err error) *problem {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return invalid(wrong.Field, "expected %s, got %s", wrong.Type, wrong.Value)
	}
	if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return invalid(strings.Trim(field, `"`), "json: unknown field %s", field)
	}
	return &problem{
		Status: 400, Code: "InvalidParameter", Type: "BadRequest",
		Message: "The request body is not valid JSON: " + err.Error() + ".",
	}
}

// mayUse finds the model that a submission names, and checks that the account
// may use it for this route.
func (p *Protocol) mayUse(c *call, name string, kind modelKind) (model, *problem) {
	c.Entry.Model = name
	if name == "" {
		return model{}, missing("model")
	}
	m, ok := p.resolve(name)
	if !ok {
		return model{}, noModel(name)
	}
	if m.kind != kind {
		return model{}, wrongModel(name, string(kind))
	}
	if !c.Holder.MayUse(name) && !c.Holder.MayUse(m.id) {
		return model{}, notOpen(m.id)
	}
	switch c.Holder.State {
	case accounts.Overdue:
		return model{}, overdue()
	case accounts.NotOpen:
		return model{}, notOpen(m.id)
	case accounts.TrialUsed:
		return model{}, trialUsed()
	case accounts.OK:
	}
	return m, nil
}

// begin works out what goes wrong with a submission whose request is valid,
// waits if it is to be slow, and refuses it if it is to be refused.
func (p *Protocol) begin(ctx context.Context, c *call, op faults.Op, prompt string) ([]faults.Fault, *problem) {
	tags, err := faults.Parse(prompt)
	if err != nil {
		return nil, invalid("prompt", "%s", err.Error())
	}
	return tags, p.trouble(ctx, c, op, "", prompt, tags)
}

// trouble picks the faults of a call and refuses it if they say so.
func (p *Protocol) trouble(ctx context.Context, c *call, op faults.Op, scope, prompt string, tags []faults.Fault) *problem {
	if !p.cfg.Pick(ctx, c, op, scope, prompt, tags) {
		return nil
	}
	return orders(c, false)
}

// lie is the error that is answered although the call was carried out; nil if
// the truth is told.
func lie(c *call) *problem { return orders(c, true) }

func orders(c *call, accepted bool) *problem {
	for _, f := range c.Set {
		if f.Accepted == accepted {
			if bad := ordered(f, c); bad != nil {
				return bad
			}
		}
	}
	return nil
}
