package cli

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/tintypehq/tintype/internal/cli/command"
	"github.com/tintypehq/tintype/internal/cli/terminal"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// makeFlags are those that images and videos share.
type makeFlags struct {
	callerFlags
	saveFlags

	Model      string `help:"Which model. (default: the service's; GET /v1/models lists them)"`
	Ratio      string `placeholder:"W:H" help:"Width to height, like 16:9."`
	Size       string `placeholder:"WxH" help:"Width and height in pixels."`
	Resolution string `help:"One of the model's, like 2K or 720p."`
	Seed       *int64 `help:"Of the model's dice."`
	Negative   string `name:"negative-prompt" placeholder:"TEXT" help:"What is not to be seen."`
	Priority   string `help:"high, normal or low."`
	Again      string `name:"idempotency-key" placeholder:"KEY" help:"Name the wish: the same key again is the same job, not another one."`

	Prompt []string `arg:"" optional:"" help:"What to make, in words."`
}

// prompt gives the words, which need no quotes.
func (f makeFlags) prompt(example string) (string, error) {
	return promptOf(f.Prompt, example)
}

func promptOf(words []string, example string) (string, error) {
	text := strings.TrimSpace(strings.Join(words, " "))
	if text == "" {
		return "", command.Misuse(errors.New("there is no prompt; say what you want, like " + example))
	}
	return text, nil
}

type imageCommand struct {
	makeFlags

	Style  string   `help:"One of the service's styles, like 3D or 卡通."`
	N      int      `short:"n" default:"1" help:"How many. (default: ${default})"`
	Images []string `name:"image" sep:"none" placeholder:"FILE|URL" help:"A picture to begin with; several: to go by."`
}

// Run makes an image and saves it.
func (k imageCommand) Run(ctx context.Context, c *console) error {
	prompt, err := k.prompt(`tintype image "a cat" -o cat.png`)
	if err != nil {
		return err
	}
	pictures, err := picturesOf("--image", k.Images)
	if err != nil {
		return err
	}
	r := tintype.ImageRequest{
		Prompt: prompt, Model: k.Model, Ratio: k.Ratio, Size: k.Size, Resolution: k.Resolution, Style: k.Style, N: k.N,
		Seed: k.Seed, NegativePrompt: k.Negative, Priority: k.Priority, IdempotencyKey: k.Again,
	}
	if len(pictures) > 0 {
		r.Image, r.Images = pictures[0], pictures[1:]
	}
	return k.make(ctx, c, max(k.N, 1), func(ctx context.Context, call *caller) (*tintype.JobHandle, error) {
		return call.Images.Submit(ctx, r)
	})
}

type videoCommand struct {
	makeFlags

	Duration   int      `placeholder:"SECONDS" help:"How long."`
	Image      string   `placeholder:"FILE|URL" help:"The first frame."`
	LastFrame  string   `placeholder:"FILE|URL" help:"The last frame."`
	References []string `name:"reference" sep:"none" placeholder:"FILE|URL" help:"A picture to go by that is no frame; may be repeated."`
}

// Run makes a video and saves it.
func (k videoCommand) Run(ctx context.Context, c *console) error {
	prompt, err := k.prompt(`tintype video "a cat at sea" -o cat.mp4`)
	if err != nil {
		return err
	}
	r := tintype.VideoRequest{
		Prompt: prompt, Model: k.Model, Ratio: k.Ratio, Size: k.Size, Resolution: k.Resolution, Duration: k.Duration,
		Seed: k.Seed, NegativePrompt: k.Negative, Priority: k.Priority, IdempotencyKey: k.Again,
	}
	if r.Image, err = pictureOf("--image", k.Image); err != nil {
		return err
	}
	if r.LastFrame, err = pictureOf("--last-frame", k.LastFrame); err != nil {
		return err
	}
	if r.Images, err = picturesOf("--reference", k.References); err != nil {
		return err
	}
	return k.make(ctx, c, 1, func(ctx context.Context, call *caller) (*tintype.JobHandle, error) {
		return call.Videos.Submit(ctx, r)
	})
}

// make submits a job of n files, follows it and saves what it made.
func (f makeFlags) make(ctx context.Context, c *console, n int, submit func(context.Context, *caller) (*tintype.JobHandle, error)) error {
	if err := f.check(n); err != nil {
		return err
	}
	call, err := f.caller(c)
	if err != nil {
		return err
	}
	ctx, cancel := f.within(ctx)
	defer cancel()
	handle, err := submit(ctx, call)
	if err != nil {
		return call.explain(err, f.Out)
	}
	p := &pursuit{caller: call, screen: c.screen(f.callerFlags, f.Out), save: &f.saveFlags}
	p.screen.Printf("job %s\n", handle.ID)
	return c.report(f.JSON && f.Out != toStdout, p.run(ctx, c, handle.ID))
}

// report prints what came of a job as JSON, if that is wanted.
func (c *console) report(wanted bool, e ended) error {
	if wanted && e.Job != nil {
		b, err := json.MarshalIndent(e, "", "  ")
		if err != nil {
			return err
		}
		c.Printf("%s\n", b)
	}
	return e.err
}

// mostPicture is what fits into a request of 32 MiB as base64.
const mostPicture = 23 << 20

func picturesOf(flag string, names []string) ([]string, error) {
	var all []string
	for _, name := range names {
		p, err := pictureOf(flag, name)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// pictureOf gives a picture as a request has it: a URL as it is, a file as its
// bytes.
func pictureOf(flag, name string) (string, error) {
	if name == "" || strings.HasPrefix(name, "http://") || strings.HasPrefix(name, "https://") || strings.HasPrefix(name, "data:") || strings.HasPrefix(name, "file-") && !exists(name) {
		return name, nil
	}
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return "", command.Misuse(fmt.Errorf("%s %s: neither a URL nor a file here", flag, name))
	case info.Size() > mostPicture:
		return "", command.Misuse(fmt.Errorf("%s %s: %s, and no picture over %s fits into a request", flag, name, terminal.Size(info.Size()), terminal.Size(mostPicture)))
	}
	data, err := os.ReadFile(name) //nolint:gosec // the file that the user names
	if err != nil {
		return "", command.Misuse(fmt.Errorf("%s: %w", flag, err))
	}
	kind := http.DetectContentType(data)
	if !strings.HasPrefix(kind, "image/") {
		return "", command.Misuse(fmt.Errorf("%s %s: that is no picture", flag, name))
	}
	return "data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(data), nil
}
