package openai

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/tintypehq/tintype/internal/upstream/sim/desk"
)

// videoRequest is what either call asks for.
type videoRequest struct {
	Model, Prompt, Ratio, NegativePrompt string
	Seconds                              int
	Width, Height                        int
	Image                                []byte
}

// read takes the request apart.
func (s shape) read(c *desk.Call) (r videoRequest, bad *problem) {
	if s == videosShape {
		return readVideos(c)
	}
	var q struct {
		Model    string `json:"model"`
		Prompt   string `json:"prompt"`
		Image    string `json:"image"`
		Ratio    string `json:"ratio"`
		Duration int    `json:"duration"`
		Width    int    `json:"width"`
		Height   int    `json:"height"`
		FPS      int    `json:"fps"`
		Seed     *int64 `json:"seed"`
		User     string `json:"user"`
		Metadata struct {
			NegativePrompt string `json:"negative_prompt"`
		} `json:"metadata"`
	}
	if bad := decode(c.Body, &q); bad != nil {
		return r, bad
	}
	r = videoRequest{
		Model: q.Model, Prompt: q.Prompt, Ratio: q.Ratio, NegativePrompt: q.Metadata.NegativePrompt,
		Seconds: q.Duration, Width: q.Width, Height: q.Height,
	}
	if q.Image != "" {
		_, text, found := strings.Cut(q.Image, ";base64,")
		data, err := base64.StdEncoding.DecodeString(text)
		if err != nil || !found {
			return r, invalid("image", "The image is not a data URI.")
		}
		r.Image = data
	}
	return r, nil
}

func readVideos(c *desk.Call) (r videoRequest, bad *problem) {
	var q struct {
		Model          string `json:"model"`
		Prompt         string `json:"prompt"`
		Seconds        string `json:"seconds"` // a text, as OpenAI has it
		Size           string `json:"size"`
		Ratio          string `json:"ratio"`
		Seed           *int64 `json:"seed"`
		NegativePrompt string `json:"negative_prompt"`
	}
	fields, files := c.Body, map[string][][]byte{}
	if strings.HasPrefix(c.R.Header.Get("Content-Type"), "multipart/") {
		if fields, files, bad = form(c, "seed"); bad != nil {
			return r, bad
		}
	}
	if bad := decode(fields, &q); bad != nil {
		return r, bad
	}
	r = videoRequest{Model: q.Model, Prompt: q.Prompt, Ratio: q.Ratio, NegativePrompt: q.NegativePrompt}
	for name, all := range files {
		if name != "input_reference" || len(all) != 1 {
			return r, invalid(name, "Unknown or duplicate file '"+name+"'.")
		}
		r.Image = all[0]
	}
	if q.Seconds != "" {
		n, err := strconv.Atoi(q.Seconds)
		if err != nil {
			return r, invalid("seconds", "Invalid value for 'seconds'.")
		}
		r.Seconds = n
	}
	r.Width, r.Height, bad = pixels(q.Size, 0, 0)
	return r, bad
}

func (r *videoRequest) check() *problem {
	switch {
	case r.Prompt == "":
		return missing("prompt")
	case r.Seconds < 0 || r.Seconds > 60:
		return invalid("seconds", "Invalid value for 'seconds'.")
	}
	if r.Seconds == 0 {
		r.Seconds = 4
	}
	if r.Width == 0 || r.Height == 0 {
		r.Width, r.Height = 720, 1280 // OpenAI's default
	}
	if len(r.Image) > 0 {
		_, bad := picture(r.Image, "input_reference")
		return bad
	}
	return nil
}
