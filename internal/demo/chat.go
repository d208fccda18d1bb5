package demo

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tintypehq/tintype/pkg/tintype"
)

const chatFile = "chat.txt"

// chatWork asks a question and saves the answer, which comes piece by piece.
func chatWork(client *tintype.Client, out, question string) work {
	w := work{name: "chat", steps: []string{"asking", "writing"}}
	w.run = func(ctx context.Context, step func(int)) (result, error) {
		step(0)
		answer, times, err := ask(ctx, client, question, func() { step(1) })
		if err != nil {
			return result{}, err
		}
		text := []byte(answer + "\n")
		if err := os.WriteFile(filepath.Join(out, chatFile), text, 0o644); err != nil { //nolint:gosec // for everybody to look at
			return result{}, err
		}
		return result{name: w.name, times: times, says: answer, files: []file{{name: chatFile, size: int64(len(text))}}}, nil
	}
	return w
}

// ask streams an answer and checks that it is a whole one.
func ask(ctx context.Context, client *tintype.Client, question string, begun func()) (string, times, error) {
	began := time.Now()
	var text strings.Builder
	var first time.Duration
	var finish string
	request := tintype.ChatRequest{
		Messages:      []tintype.ChatMessage{tintype.UserMessage(question)},
		StreamOptions: &tintype.StreamOptions{IncludeUsage: true},
	}
	var usage *tintype.Usage
	for chunk, err := range client.Chat.Stream(ctx, request) {
		if err != nil {
			return "", times{}, err
		}
		if text.WriteString(chunk.Text()); text.Len() > 0 && first == 0 {
			first = time.Since(began)
			begun()
		}
		for _, c := range chunk.Choices {
			if c.FinishReason != nil {
				finish = *c.FinishReason
			}
		}
		if chunk.Usage != nil {
			usage = chunk.Usage
		}
	}
	all := time.Since(began)
	switch {
	case strings.TrimSpace(text.String()) == "":
		return "", times{}, errors.New("the answer is empty")
	case finish == "":
		return "", times{}, errors.New("the answer has no finish_reason: it may not be whole")
	case usage == nil || usage.TotalTokens == 0:
		return "", times{}, errors.New("the answer came without the usage that was asked for")
	}
	return text.String(), times{submit: known(first), generate: known(all - first), total: known(all)}, nil
}
