package demo

import (
	"context"
	"encoding/base64"
	"os"
	"path/filepath"

	"github.com/tintypehq/tintype/pkg/tintype"
)

// work is one of the things that the demo does.
type work struct {
	name  string
	steps []string
	run   func(ctx context.Context, step func(int)) (result, error)
}

// result is what came of a work.
type result struct {
	name  string
	times times
	files []file
	says  string // of the chat
}

// inputName is the picture that image to image begins with.
const inputName = "input.png"

// works gives what there is to do. It saves the picture that one of them needs.
func (o Options) works(client *tintype.Client) ([]work, error) {
	input, err := landscape()
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(o.Out, inputName), input, 0o644); err != nil { //nolint:gosec // for everybody to look at
		return nil, err
	}
	j := jobs{client: client, out: o.Out}
	return []work{
		j.work("image", stepsAtOnce(), func(ctx context.Context) (*tintype.JobHandle, error) {
			return client.Images.Submit(ctx, tintype.ImageRequest{Prompt: "A lighthouse on a cliff in the fog, oil painting"})
		}),
		j.work("image to image", stepsAtOnce(), func(ctx context.Context) (*tintype.JobHandle, error) {
			return client.Images.Submit(ctx, tintype.ImageRequest{
				Prompt: "The same hills at night under a full moon", Ratio: "16:9",
				Image: "data:image/png;base64," + base64.StdEncoding.EncodeToString(input),
			})
		}),
		j.work("video", stepsOfATask(), func(ctx context.Context) (*tintype.JobHandle, error) {
			return client.Videos.Submit(ctx, tintype.VideoRequest{Prompt: "A paper boat sails down a rainy street", Ratio: "16:9"})
		}),
		chatWork(client, o.Out, "In two sentences: what is a tintype?"),
	}, nil
}
