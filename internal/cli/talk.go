package cli

import (
	"context"
	"encoding/json"

	"github.com/tintypehq/tintype/pkg/tintype"
)

type chatCommand struct {
	callerFlags

	Model  string   `help:"Which model. (default: the service's)"`
	System string   `placeholder:"TEXT" help:"What the model is told before."`
	Images []string `name:"image" sep:"none" placeholder:"FILE|URL" help:"A picture to talk about; may be repeated."`

	Prompt []string `arg:"" optional:"" help:"What to say."`
}

// Run asks and prints the answer while it is written.
func (k chatCommand) Run(ctx context.Context, c *console) error {
	prompt, err := promptOf(k.Prompt, `tintype chat "what is a tintype?"`)
	if err != nil {
		return err
	}
	request, err := k.request(prompt)
	if err != nil {
		return err
	}
	call, err := k.caller(c)
	if err != nil {
		return err
	}
	ctx, cancel := k.within(ctx)
	defer cancel()
	if k.JSON {
		answer, err := call.Chat.Create(ctx, request)
		if err != nil {
			return call.explain(err, "")
		}
		b, err := json.MarshalIndent(answer, "", "  ")
		c.Printf("%s\n", b)
		return err
	}
	begun := false
	for chunk, err := range call.Chat.Stream(ctx, request) {
		if err != nil {
			if begun {
				c.Printf("\n")
			}
			return call.explain(err, "")
		}
		if text := chunk.Text(); text != "" {
			c.Printf("%s", text)
			begun = true
		}
	}
	c.Printf("\n")
	return nil
}

func (k chatCommand) request(prompt string) (tintype.ChatRequest, error) {
	r := tintype.ChatRequest{Model: k.Model}
	if k.System != "" {
		r.Messages = append(r.Messages, tintype.ChatMessage{Role: "system", Content: k.System})
	}
	message := tintype.UserMessage(prompt)
	pictures, err := picturesOf("--image", k.Images)
	for i, p := range pictures {
		if i == 0 {
			message.Parts = append(message.Parts, tintype.TextPart(prompt))
		}
		message.Parts = append(message.Parts, tintype.ImagePart(p))
	}
	r.Messages = append(r.Messages, message)
	return r, err
}
