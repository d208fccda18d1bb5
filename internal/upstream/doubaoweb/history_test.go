package doubaoweb_test

import (
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream/doubaoweb"
)

// answer wraps messages as history gives them.
func answer(messages ...string) string {
	return `{"status_code":0,"downlink_body":{"pull_singe_chain_downlink_body":{"messages":[` + strings.Join(messages, ",") + `]}}}`
}

// TestLook: which creations in a conversation are a job's, and when they are made.
func TestLook(t *testing.T) {
	t.Parallel()
	film := func(fields, video string) string {
		return `{` + fields + `"content_block":[{"block_type":2074,"content":{"creation_block":{"creations":[{"type":2,"video":` + video + `}]}}}]}`
	}
	const done = `{"vid":"v1","status":3,"download_url":"http://x/1.mp4","width":"864","cover":{"image_thumb":{"url":"http://x/1.jpg"}}}`
	const packed = `"content":"[{\"block_type\":2074,\"content\":{\"creation_block\":{\"creations\":[{\"type\":2,\"video\":{\"vid\":\"v1\",\"status\":\"3\",\"download_url\":\"http://x/1.mp4\"}}]}}}]"`
	const (
		made    = "[{primary http://x/1.mp4  []} {cover http://x/1.jpg  []}] true false false"
		bare    = "[{primary http://x/1.mp4  []}] true false false"
		nothing = "[] false false false"
	)
	tests := map[string]struct{ answer, want string }{
		"made":                 {answer(film(`"conversation_id":"c1","bot_reply_message_id":"q1",`, done)), made},
		"by our own id":        {answer(film(`"conversation_id":"c1","local_message_id":"local-1","bot_reply_message_id":"other",`, done)), made},
		"naming nobody":        {answer(film(`"conversation_id":"c1","bot_reply_message_id":"0",`, done)), made},
		"id as a number":       {answer(film(`"conversation_id":9007199254740993,"bot_reply_message_id":"q1",`, done)), nothing},
		"packed":               {answer(`{"conversation_id":"c1","reply_id":"q1",` + packed + `}`), bare},
		"other conversation":   {answer(film(`"conversation_id":"c2","bot_reply_message_id":"q1",`, done)), nothing},
		"other message":        {answer(film(`"conversation_id":"c1","bot_reply_message_id":"q2",`, done)), nothing},
		"other local id":       {answer(film(`"conversation_id":"c1","local_message_id":"local-2",`, done)), nothing},
		"being made":           {answer(film("", `{"vid":"v1","status":1}`)), nothing},
		"a link too early":     {answer(film("", `{"vid":"v1","status":1,"download_url":"http://x/1.mp4"}`)), nothing},
		"done without a link":  {answer(film("", `{"vid":"v1","status":3}`)), nothing},
		"a word":               {answer(film("", `{"vid":"v1","status":"?","download_url":"http://x/1.mp4"}`)), nothing},
		"failed":               {answer(film("", `{"vid":"v1","status":4,"error_msg":"no"}`)), "[] false true false"},
		"refused":              {answer(`{"conversation_id":"c1","content_type":2001,"content":"{\"text\":\"it violates the rules\"}"}`), "[] false false true"},
		"refused as plain":     {answer(`{"content":"it violates the rules"}`), "[] false false true"},
		"refused elsewhere":    {answer(`{"conversation_id":"c2","content":"it violates the rules"}`), nothing},
		"our own words":        {answer(`{"message_id":"q1","content":"it violates the rules"}`, `{"local_message_id":"local-1","content":"it violates the rules"}`), nothing},
		"paywall":              {answer(`{"ext":{"inner_paywall_cta_param":"{}"}}`), "[] false false true"},
		"no messages":          {answer(), nothing},
		"another shape":        {`{"downlink_body":[1]}`, nothing},
		"messages of nonsense": {answer("1", `"x"`, "null", "[]", `{"content":7,"content_block":{}}`), nothing},
	}
	p := profile(t)
	for name, tt := range tests {
		if got := doubaoweb.Look(p, job.Video, "c1", "q1", tt.answer); got != tt.want {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
}

// FuzzLook: no answer breaks it, and none without a link is a success.
func FuzzLook(f *testing.F) {
	f.Add(answer(`{"content":"[{\"block_type\":2074}]","ext":{"inner_paywall_cta_param":"{}"}}`))
	f.Add(answer(`{"content_block":[{"content":{"creation_block":{"creations":[{"image":{"key":"k"}},{"video":{"status":3}}]}}}]}`))
	p, err := doubaoweb.DefaultProfile()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, in string) {
		for _, kind := range []job.Kind{job.Image, job.Video} {
			if got := doubaoweb.Look(p, kind, "c1", "q1", in); strings.HasPrefix(got, "[] true") {
				t.Errorf("%s: %s", in, got)
			}
		}
	})
}

// FuzzRef: an upstream id is one of ours or it is none, and ours are read as they
// were written.
func FuzzRef(f *testing.F) {
	for _, s := range []string{"", "dw1.", "dw1.e30", "dw1.eyJrIjoidmlkZW8iLCJtIjoiaGlzdG9yeSIsImMiOiI5IiwiYSI6MX0", "dw2.e30", "cgt-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once, ok := doubaoweb.ReadRef(s)
		if !ok {
			return
		}
		if again, ok := doubaoweb.ReadRef(once); !ok || again != once {
			t.Errorf("%q is read as %q, and that as %q", s, once, again)
		}
	})
}
