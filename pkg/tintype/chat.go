package tintype

import (
	"context"
	"iter"
	"net/http"
)

const pathChat = "/v1/chat/completions"

// ChatService answers messages. A chat is no job: it cannot be taken up again, and
// is never sent twice.
type ChatService struct{ client *Client }

// Create sends messages and waits for the whole answer.
//
// A failure that the server reports is an *APIError, an answer that breaks off
// an *IncompleteError. The request is sent once, whatever happens.
func (s *ChatService) Create(ctx context.Context, r ChatRequest) (*ChatResponse, error) {
	r.Stream, r.StreamOptions = false, nil
	answer, err := fetch[ChatResponse](ctx, s.client, http.MethodPost, pathChat, r)
	if err != nil {
		return nil, err
	}
	if len(answer.Choices) == 0 {
		return nil, errForeign
	}
	return answer, nil
}

// Stream sends messages and gives the answer piece by piece, as it is
// written; [Chunk.Text] is a piece's text. The request is sent when the loop
// begins. Leaving the loop closes the connection, and the server stops the
// upstream.
//
// An error is the last thing that the loop sees: an *APIError, also when it
// comes in the middle of the stream, an *IncompleteError when the stream ends
// without saying so, [ErrStreamUsed] when it is looped over again.
func (s *ChatService) Stream(ctx context.Context, r ChatRequest) iter.Seq2[*Chunk, error] {
	r.Stream = true
	return s.client.chunksOnce(ctx, pathChat, r)
}
