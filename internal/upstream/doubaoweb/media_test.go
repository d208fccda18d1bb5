package doubaoweb_test

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/doubaoweb"
)

const (
	dialectA = "dialect: numeric_event"
	dialectB = "dialect: named_event\nvideo: {start: B, result: history}"
)

// eachDialect runs a test against the simulator in both dialects.
func eachDialect(t *testing.T, run func(*testing.T, *kit)) {
	t.Helper()
	for name, dialect := range map[string]string{"numeric": dialectA, "named": dialectB} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, newKit(t, profile(t, dialect)))
		})
	}
}

// submit expects acceptance.
func (k *kit) submit(t *testing.T, s upstream.Submission) upstream.Submitted {
	t.Helper()
	got, err := k.Submit(t.Context(), acc(), s)
	if err != nil {
		t.Fatalf("%s: %v", s.Spec.Prompt, err)
	}
	if got.UpstreamID == "" {
		t.Fatalf("%s: accepted without an id", s.Spec.Prompt)
	}
	return got
}

// status asks and expects a state.
func (k *kit) status(t *testing.T, id string, want upstream.State) upstream.Status {
	t.Helper()
	st, err := k.Status(t.Context(), acc(), id)
	if err != nil || st.State != want {
		t.Fatalf("the state is %q (%v, %v), want %q", st.State, st.Failure, err, want)
	}
	return st
}

// wantOne: one submission was seen and charged.
func (k *kit) wantOne(t *testing.T) {
	t.Helper()
	if n := k.sim.Ledger().Totals; n.Submissions != 1 || n.Charged != 1 {
		t.Errorf("the upstream saw %d submissions and charged %d, want one", n.Submissions, n.Charged)
	}
}

// TestImagesCome in every form that a stream may have: in pieces, all at once, with
// unknown things in between, without its first or its last frame.
func TestImagesCome(t *testing.T) {
	t.Parallel()
	for prompt, images := range map[string]int{
		"一只猫": 1, "a cat sim:web-count=4": 4, "一只猫 sim:web-split": 1, "a cat sim:web-onewrite sim:web-count=2": 2,
		"a cat sim:web-unknown": 1, "a cat sim:web-noack": 1, "a cat sim:web-noend": 1, "a cat sim:web-old sim:web-count=3": 3,
	} {
		t.Run(prompt, func(t *testing.T) {
			t.Parallel()
			eachDialect(t, func(t *testing.T, k *kit) {
				got := k.submit(t, image(prompt))
				if len(got.Sources) != images {
					t.Fatalf("%d images, want %d", len(got.Sources), images)
				}
				for _, s := range got.Sources {
					if s.Role != job.Primary || strings.Contains(s.URL, "&preview") || strings.Contains(s.URL, "&thumb") {
						t.Errorf("not the delivered file: %+v", s)
					}
				}
				k.wantOne(t)
				sub := k.sim.Ledger().Submissions[0]
				if want := prompt + "\n风格：3D渲染\n比例：16:9"; sub.Prompt != want || sub.Protocol != "doubaoweb" {
					t.Errorf("the upstream read %q, want %q", sub.Prompt, want)
				}
			})
		})
	}
}

// TestImagesFromHistory: what the stream does not bring, history does, also when the
// stream is cut off behind the acceptance.
func TestImagesFromHistory(t *testing.T) {
	t.Parallel()
	for _, prompt := range []string{"a cat sim:web-late sim:web-count=2", "a cat sim:sse-eof sim:web-count=2", "a cat sim:web-late sim:web-count=2 sim:web-foreign"} {
		t.Run(prompt, func(t *testing.T) {
			t.Parallel()
			eachDialect(t, func(t *testing.T, k *kit) {
				got := k.submit(t, image(prompt))
				if len(got.Sources) != 0 {
					t.Fatalf("the stream brought %+v", got.Sources)
				}
				st := k.status(t, got.UpstreamID, upstream.Ready)
				if len(st.Sources) != 2 || strings.Contains(st.Sources[0].URL, "foreign") {
					t.Errorf("the media is %+v", st.Sources)
				}
				k.wantOne(t)
			})
		})
	}
}

func TestVideoFromHistory(t *testing.T) {
	t.Parallel()
	eachDialect(t, func(t *testing.T, k *kit) {
		id := k.submit(t, video("a cat sim:ready=36s sim:web-nolink=10s sim:web-foreign")).UpstreamID
		if st := k.status(t, id, upstream.Working); st.Phase != job.PhaseGenerating || st.After != 5*time.Second {
			t.Errorf("got %+v", st)
		}
		k.clock.Advance(40 * time.Second)
		k.status(t, id, upstream.Working) // done, and without a link
		k.clock.Advance(10 * time.Second)
		st := k.status(t, id, upstream.Ready)
		if len(st.Sources) != 2 || st.Sources[0].Role != job.Primary || st.Sources[1].Role != job.Cover ||
			!strings.Contains(st.Sources[0].URL, ".mp4") || strings.Contains(st.Sources[0].URL, "foreign") || strings.Contains(st.Sources[1].URL, "&thumb") {
			t.Errorf("the media is %+v", st.Sources)
		}
		k.wantOne(t)
		if polls := k.sim.Ledger().Submissions[0].Polls; polls != 3 {
			t.Errorf("%d polls", polls)
		}
	})
}

// TestVideoFromItsStream: a task has a stream of its own, which says nothing until
// the video is made.
func TestVideoFromItsStream(t *testing.T) {
	t.Parallel()
	k := newKit(t, profile(t, "video: {start: A, result: async_sse}", "poll: {stream_wait: 2s, settle: 1m}"))
	id := k.submit(t, video("a cat sim:web-task sim:ready=36s")).UpstreamID
	k.status(t, id, upstream.Working)
	k.clock.Advance(time.Minute)
	if st := k.status(t, id, upstream.Ready); len(st.Sources) != 2 {
		t.Errorf("the media is %+v", st.Sources)
	}
	bad := k.submit(t, video("a cat sim:web-task sim:fail")).UpstreamID
	k.clock.Advance(time.Minute)
	k.status(t, bad, upstream.Failed)
	plain := k.submit(t, video("a dog")).UpstreamID // without a task: history
	k.clock.Advance(time.Minute)
	k.status(t, plain, upstream.Ready)
}

// TestCanvasAsksWithItsOwnSessionAlone: with another one the same body would start a
// second video.
func TestCanvasAsksWithItsOwnSessionAlone(t *testing.T) {
	t.Parallel()
	k := newKit(t, profile(t, "video: {start: C, result: canvas}"))
	id := k.submit(t, video("a cat")).UpstreamID
	other := acc()
	other.Secret = withSecret("sim-renewed")
	for range 3 {
		_, err := k.Status(t.Context(), other, id)
		if e := fails(t, err); e.Class != upstream.Lost {
			t.Errorf("got %v", e)
		}
	}
	k.clock.Advance(time.Minute)
	k.status(t, id, upstream.Ready)
	k.wantOne(t)
}

// TestStrangeHosts: a link to a host that the profile does not name is given to
// nobody, and the job stays.
func TestStrangeHosts(t *testing.T) {
	t.Parallel()
	p := profile(t)
	p.MediaHosts = []string{"*.byteimg.com"}
	k := newKit(t, p)
	got := k.submit(t, image("a cat"))
	if len(got.Sources) != 0 {
		t.Errorf("the media is %+v", got.Sources)
	}
	_, err := k.Status(t.Context(), acc(), got.UpstreamID)
	if e := fails(t, err); e.Class != upstream.Unknown || !strings.Contains(e.Error(), "media_hosts") {
		t.Errorf("got %v", e)
	}
	k.wantOne(t)
}

// TestIDsTellNothing: an upstream id is shown in logs, so neither the session nor the
// prompt can be read in it.
func TestIDsTellNothing(t *testing.T) {
	t.Parallel()
	for _, route := range []string{"{start: A, result: history}", "{start: A, result: async_sse}", "{start: B, result: history}", "{start: C, result: canvas}"} {
		k := newKit(t, profile(t, "video: "+route))
		id := k.submit(t, video("a-canary-of-a-cat sim:web-task")).UpstreamID
		inner, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(id, "dw1."))
		if err != nil {
			t.Fatal(err)
		}
		var fields map[string]any
		if err := json.Unmarshal(inner, &fields); err != nil {
			t.Fatal(err)
		}
		body, _ := fields["b"].(string)
		sealed, err := base64.StdEncoding.DecodeString(body)
		if err != nil || (len(sealed) > 0) != strings.Contains(route, "canvas") {
			t.Errorf("%s: %d bytes of a body, %v", route, len(sealed), err)
		}
		plain, _ := io.ReadAll(flate.NewReader(bytes.NewReader(sealed)))
		for _, text := range []string{id, string(inner), string(sealed), string(plain)} {
			if strings.Contains(text, "canary") || strings.Contains(text, key) {
				t.Errorf("%s: %s", route, inner)
			}
		}
	}
}

// TestRemaining: how many videos are left is read from what the upstream says.
func TestRemaining(t *testing.T) {
	t.Parallel()
	var left []int
	k := newKit(t, profile(t), func(c *doubaoweb.Config) {
		c.Remaining = func(id string, n int) {
			if id == "a1" {
				left = append(left, n)
			}
		}
	})
	k.submit(t, video("a cat"))
	if len(left) != 1 || left[0] != 7 {
		t.Errorf("left: %v", left)
	}
}
