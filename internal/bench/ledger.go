package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/tintypehq/tintype/internal/bench/wire"
	"github.com/tintypehq/tintype/internal/upstream/sim"
)

// ledger reads what the simulator wrote down, by the prompt. Prompts that are
// to be found again differ.
func (s *service) ledger(ctx context.Context) (map[string]sim.Submission, error) {
	var l sim.Ledger
	if err := s.askSim(ctx, "/_sim/ledger", &l); err != nil {
		return nil, err
	}
	out := map[string]sim.Submission{}
	for _, one := range l.Submissions {
		out[one.Prompt] = one
	}
	return out, nil
}

// links asks the simulator for the media of a video that is ready.
func (s *service) links(ctx context.Context, task string) ([]string, error) {
	var view struct {
		Content struct {
			Video string `json:"video_url"`
			Cover string `json:"last_frame_url"`
		} `json:"content"`
	}
	if err := s.askSim(ctx, "/api/v3/contents/generations/tasks/"+task, &view); err != nil {
		return nil, err
	}
	return []string{view.Content.Video, view.Content.Cover}, nil
}

func (s *service) askSim(ctx context.Context, path string, out any) error {
	request := wire.NewRequest(http.MethodGet, path, s.upstream, "", "Authorization: Bearer sim-bench-0")
	status, body, err := wire.Exchange(ctx, s.upstream, request)
	if err != nil || status != http.StatusOK {
		return errors.Join(fmt.Errorf("the simulator's %s: status %d", path, status), err)
	}
	return json.Unmarshal(body, out)
}
