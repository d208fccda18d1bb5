package upstream_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/upstream"
)

func registry(t *testing.T) *upstream.Registry {
	t.Helper()
	r, err := upstream.NewRegistry([]upstream.Model{
		{Name: "doubao", Kind: upstream.ChatModel},
		{Name: "Seedream 4.5", Kind: upstream.ImageModel},
		{Name: "Seedream 4.0", Kind: upstream.ImageModel, Default: true, Aliases: []string{"seedream-4"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestFind(t *testing.T) {
	t.Parallel()
	r := registry(t)
	tests := []struct {
		kind upstream.ModelKind
		name string
		want string
	}{
		{upstream.ChatModel, "", "doubao"}, // the first, since none is marked
		{upstream.ImageModel, "", "Seedream 4.0"},
		{upstream.ImageModel, "seedream-4", "Seedream 4.0"},
		{upstream.ImageModel, "Seedream 4.5", "Seedream 4.5"},
	}
	for _, tt := range tests {
		if m, err := r.Find(tt.kind, tt.name); err != nil || m.Name != tt.want {
			t.Errorf("Find(%s, %q) = %v, %v", tt.kind, tt.name, m, err)
		}
	}
	for _, tt := range []struct {
		kind upstream.ModelKind
		name string
	}{{upstream.VideoModel, ""}, {upstream.ChatModel, "Seedream 4.0"}, {upstream.ImageModel, strings.Repeat("長", 5000)}} {
		_, err := r.Find(tt.kind, tt.name)
		f := fault.From(err)
		if f == nil || f.Code != fault.ModelNotFound || f.Param != "model" || len(f.Message) > 600 {
			t.Errorf("Find(%s, %.20q) = %v", tt.kind, tt.name, err)
		}
	}
}

func TestNamesAreUnique(t *testing.T) {
	t.Parallel()
	_, err := upstream.NewRegistry([]upstream.Model{{Name: "a"}, {Name: "b", Aliases: []string{"a"}}})
	if err == nil || !strings.Contains(err.Error(), `"a"`) {
		t.Errorf("err = %v", err)
	}
}

// An error that no driver made must be read as the one that never pays twice.
func TestUnknownErrorsAreAmbiguous(t *testing.T) {
	t.Parallel()
	e := upstream.AsError(errors.New("boom at 10.0.0.7"))
	if e.Outcome != upstream.Ambiguous || strings.Contains(e.Fault.Message, "10.0.0.7") {
		t.Errorf("AsError = %+v", e)
	}
	own := &upstream.Error{Class: upstream.Auth, Outcome: upstream.Rejected, Fault: fault.New(fault.CredentialRejected, "no")}
	if got := upstream.AsError(errors.Join(errors.New("x"), own)); got != own {
		t.Errorf("AsError = %+v", got)
	}
	if f := fault.From(own); f.Code != fault.CredentialRejected {
		t.Errorf("fault = %v", f)
	}
}
