package tintype_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/pkg/tintype"
)

// piece is a chunk of job-1 with a text; seq zero: it has no number.
func piece(seq int, text, rest string) string {
	id := ""
	if seq > 0 {
		id = fmt.Sprintf("id: %d\n", seq)
	}
	return id + fmt.Sprintf(`data: {"id":"job-1","choices":[{"index":0,"delta":{"content":%q}%s}]`, text, strings.TrimPrefix(rest, "+"))
}

// TestStreamOverCuts: each chunk comes once, by whatever way the stream goes on.
func TestStreamOverCuts(t *testing.T) {
	t.Parallel()
	const waiting = `,"progress":{"phase":"generating","percent":30}}` + "\n\n"
	begin := piece(1, "", "") + waiting
	admitted := piece(2, "", "") + waiting
	beat := piece(0, "", "") + waiting
	text := piece(0, "the text", "") + "}\n\n"
	stop := piece(3, "", `,"finish_reason":"stop"`) + "}\n\n" + done
	const again, twin = "POST images/generations", "GET images/generations/job-1/events"
	for _, tt := range []struct {
		name  string
		steps []http.HandlerFunc
		asked []string
		want  string // numbers and texts
	}{
		{"no cut", []http.HandlerFunc{stream(begin + admitted + beat + text + stop)}, []string{again}, "1 2 0 0:the text 3"},
		{"cut in the middle", []http.HandlerFunc{cut(quick + begin), stream(admitted + text + stop)}, []string{again, twin + " 1"}, "1 2 0:the text 3"},
		{"cut in the result", []http.HandlerFunc{cut(quick + begin + admitted + text), lost, stream(text + stop)}, []string{again, twin + " 2", twin + " 2"}, "1 2 0:the text 3"},
		{"cut before the end is said", []http.HandlerFunc{cut(quick + begin + text + strings.TrimSuffix(stop, done))}, []string{again}, "1 0:the text 3"},
		{"ended while away", []http.HandlerFunc{stream(quick + begin), status(204)}, []string{again, twin + " 1"}, "1"},
		{"no answer at first", []http.HandlerFunc{lost, status(503), stream(begin + text + stop)}, []string{again, again, again}, "1 0:the text 3"},
		{"cut after the head", []http.HandlerFunc{cut(quick), stream(begin + text + stop)}, []string{again, twin}, "1 0:the text 3"},
		{
			"a key that may not read",
			[]http.HandlerFunc{cut(quick + begin + admitted + text), forbidden, cut(quick + begin + admitted), stream(begin + admitted + text + stop)},
			[]string{again, twin + " 2", again, again},
			"1 2 0:the text 3",
		},
		{
			"too many wait there",
			[]http.HandlerFunc{answer(504, `{"error":{"message":"Later.","type":"server_error","param":null,"code":"wait_timeout","job_id":"job-1"}}`), stream(begin + text + stop)},
			[]string{again, twin},
			"1 0:the text 3",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := &mill{steps: tt.steps}
			inFakeTime(t, m, func(t *testing.T, c *tintype.Client) {
				chunks, err := read(c.Images.Stream(t.Context(), tintype.ImageRequest{Prompt: "cat"}))
				if err != nil {
					t.Error(err)
				}
				var got []string
				for _, chunk := range chunks {
					one := fmt.Sprint(chunk.Seq)
					if chunk.Text() != "" {
						one += ":" + chunk.Text()
					}
					got = append(got, one)
				}
				equal(t, "chunks", strings.Join(got, " "), tt.want)
				equal(t, "asked", m.said(), tt.asked)
				equal(t, "keys", len(m.sent()), 1)
			})
		})
	}
}

// TestStreamNeverBegins: without a stream nothing has broken off.
func TestStreamNeverBegins(t *testing.T) {
	t.Parallel()
	m := &mill{steps: []http.HandlerFunc{status(503)}}
	inFakeTime(t, m, func(t *testing.T, c *tintype.Client) {
		_, err := read(c.Images.Stream(t.Context(), tintype.ImageRequest{Prompt: "cat"}))
		if e, ok := errors.AsType[*tintype.APIError](err); !ok || e.Status != 503 {
			t.Errorf("error is %v", err)
		}
		equal(t, "asked", len(m.said()), 3)
	})
}
