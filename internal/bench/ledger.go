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
	if err := s.askSim(ctx, http.MethodGet, "/_sim/ledger", "", &l); err != nil {
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
	if err := s.askSim(ctx, http.MethodGet, "/api/v3/contents/generations/tasks/"+task, "", &view); err != nil {
		return nil, err
	}
	return []string{view.Content.Video, view.Content.Cover}, nil
}

// createTask makes a video at the simulator, as the driver would.
func (s *service) createTask(ctx context.Context, prompt string) (id string, err error) {
	body := fmt.Sprintf(`{"model":"doubao-seedance-1-0-pro-250528","content":[{"type":"text","text":%q}],"ratio":"16:9","watermark":false,"return_last_frame":true}`, prompt)
	var created struct {
		ID string `json:"id"`
	}
	err = s.askSim(ctx, http.MethodPost, "/api/v3/contents/generations/tasks", body, &created)
	return created.ID, err
}

func (s *service) askSim(ctx context.Context, method, path, body string, out any) error {
	request := wire.NewRequest(method, path, s.upstream, body, "Authorization: Bearer sim-bench-0")
	status, answer, err := wire.Exchange(ctx, s.upstream, request)
	if err != nil || status != http.StatusOK {
		return errors.Join(fmt.Errorf("the simulator's %s: %d %.300s", path, status, answer), err)
	}
	return json.Unmarshal(answer, out)
}
