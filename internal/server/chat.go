package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/upstream"
)

// chatCall is a chat request on its way to an upstream.
type chatCall struct {
	driver  upstream.Driver
	name    string // of the upstream
	own     *account.Account
	request upstream.ChatRequest
}

// createChat serves POST /v1/chat/completions. A chat is answered inline or not at
// all: nothing of it is written down, only what it finds out about an account.
func (s *Server) createChat(c echo.Context) error {
	who, err := s.authenticate(c, ScopeGenerate)
	if err != nil {
		return err
	}
	body, free, err := s.readObject(c)
	defer free()
	if err != nil {
		return err
	}
	held := &share{of: s.bodies}
	defer held.free()
	if err := s.inlineFiles(c.Request().Context(), who.tenant, body, held); err != nil {
		return err
	}
	call, err := s.readChat(c.Request().Context(), who, body)
	if err != nil {
		return err
	}
	stream, err := body.flag("stream")
	if err != nil {
		return err
	}
	if stream {
		return s.streamChat(c, call)
	}
	return s.answerChat(c, call)
}

// readChat checks what costs nothing to check; the upstream knows the rest.
func (s *Server) readChat(ctx context.Context, who caller, body fields) (*chatCall, error) {
	name, err := body.text("model")
	if err != nil {
		return nil, err
	}
	model, err := s.cfg.Models.Find(upstream.ChatModel, name)
	if err != nil {
		return nil, err
	}
	if err := s.checkMessages(ctx, model, body); err != nil {
		return nil, err
	}
	usage, err := includeUsage(body)
	if err != nil {
		return nil, err
	}
	driver := s.cfg.Drivers[model.Upstream]
	if driver == nil {
		return nil, fault.Newf(fault.ModelNotFound, "The model %q is not served at the moment.", model.Name).WithParam("model")
	}
	if name == "" {
		name = model.Name
	}
	return &chatCall{
		driver: driver, name: model.Upstream, own: s.ownAccount(who, model.Upstream),
		request: upstream.ChatRequest{Model: model.ID, Public: name, Body: body, Thinking: model.Thinking, IncludeUsage: usage},
	}, nil
}

// includeUsage reads stream_options.include_usage.
func includeUsage(body fields) (bool, error) {
	if body.missing("stream_options") {
		return false, nil
	}
	options := body["stream_options"]
	if options[0] != '{' {
		return false, wrongType("stream_options", "an object", options)
	}
	wish := member(options, "include_usage")
	if wish == nil || wish[0] == 'n' {
		return false, nil
	}
	var yes bool
	if json.Unmarshal(wish, &yes) != nil {
		return false, wrongType("stream_options.include_usage", "true or false", wish)
	}
	return yes, nil
}

// answerChat answers in one piece.
func (s *Server) answerChat(c echo.Context, call *chatCall) error {
	var answer upstream.ChatAnswer
	err := s.tryAccounts(c.Request().Context(), call, func(a account.Account) (err error) {
		answer, err = call.driver.Chat(c.Request().Context(), a, call.request)
		return err
	})
	if err != nil {
		return err
	}
	return s.sendJSON(c, http.StatusOK, answer.Body)
}

// streamChat passes chunks on as they come. The answer begins with the first
// chunk: until then a failure has its status, and another account may be tried.
func (s *Server) streamChat(c echo.Context, call *chatCall) error {
	// A caller that stops reading must not keep the upstream busy.
	ctx, cancel := context.WithCancel(c.Request().Context())
	defer cancel()
	var chunks upstream.ChatStream
	var first []byte
	err := s.tryAccounts(ctx, call, func(a account.Account) error {
		opened, err := call.driver.ChatStream(ctx, a, call.request)
		if err != nil {
			return err
		}
		if first, err = opened.Next(); err != nil && !errors.Is(err, io.EOF) {
			_ = opened.Close() // its error adds nothing to the first one
			return err
		}
		chunks = opened
		return nil
	})
	if err != nil {
		return err
	}
	defer func() { _ = chunks.Close() }() // all that is wanted of it has been read
	startStream(c.Response())
	return s.passChunks(&chunkWriter{server: s, c: c, failed: cancel}, chunks, first)
}

// passChunks sends the first chunk, which may be none, and the others. Chunks
// that have arrived together leave together, in one write; none is held back
// while the next one is waited for.
func (s *Server) passChunks(out *chunkWriter, chunks upstream.ChatStream, chunk []byte) error {
	chunks.BeforeWait(out.flush)
	var err error
	for err == nil && len(chunk) > 0 && out.err == nil {
		out.add(chunk)
		chunk, err = chunks.Next()
	}
	if err == nil || errors.Is(err, io.EOF) {
		out.held.WriteString(endOfChunks)
		out.flush()
		return out.err
	}
	out.flush()
	if cause := context.Cause(out.c.Request().Context()); cause != nil {
		return cause
	}
	writeErrorEvent(&out.held, toFault(err), "")
	out.flush()
	if out.err != nil {
		return out.err
	}
	return err
}
