package doubaoweb

import (
	"bytes"
	_ "embed" // the default profile
	"errors"
	"fmt"

	"github.com/goccy/go-yaml"

	"github.com/tintypehq/tintype/internal/upstream"
)

// Dialect is how the upstream streams its answers.
type Dialect string

// The dialects.
const (
	Numeric Dialect = "numeric_event" // data alone, with numbers for events and JSON within JSON within JSON
	Named   Dialect = "named_event"   // events with names
)

// Start is how a video is asked for.
type Start string

// The starts.
const (
	StartA Start = "A" // as a message of the numeric dialect
	StartB Start = "B" // as a message of the named dialect
	StartC Start = "C" // on the canvas
)

// Result is how the driver learns what became of an accepted job.
type Result string

// The results.
const (
	History Result = "history"   // from the conversation
	Async   Result = "async_sse" // from the stream of a task, if the start gave one, else from the conversation
	Canvas  Result = "canvas"    // by the start's own body, once more
)

// Profile is all that is known of the upstream's protocol and may change from one
// month to the next. The comments in profile.yaml say what each part is; the facts
// are those of the wire note.
type Profile struct {
	BaseURL        string            `yaml:"base_url"`
	Dialect        Dialect           `yaml:"dialect"`
	Query          map[string]string `yaml:"query"`
	Headers        map[string]string `yaml:"headers"`
	SessionCookies []string          `yaml:"session_cookies"`
	CSRF           CSRF              `yaml:"csrf"`
	Endpoints      Endpoints         `yaml:"endpoints"`
	Video          VideoRoute        `yaml:"video"`
	Frames         Frames            `yaml:"frames"`
	Results        Results           `yaml:"results"`
	Bodies         Bodies            `yaml:"bodies"`
	Attachments    Attachments       `yaml:"attachments"`
	Errors         []Rule            `yaml:"errors"`
	Remaining      Pattern           `yaml:"remaining"`
	Affirms        Pattern           `yaml:"affirms"`
	Poll           Poll              `yaml:"poll"`
	Upload         Upload            `yaml:"upload"`
	MediaHosts     []string          `yaml:"media_hosts"`
	Wording        Wording           `yaml:"wording"`
}

// CSRF is the header that repeats a cookie: the first of the cookies that is there.
type CSRF struct {
	Header  string   `yaml:"header"`
	Cookies []string `yaml:"cookies"`
}

// Endpoints are paths below the base URL.
type Endpoints struct {
	Numeric       string `yaml:"numeric"`
	Named         string `yaml:"named"`
	History       string `yaml:"history"`
	Async         string `yaml:"async"`
	Canvas        string `yaml:"canvas"`
	PrepareUpload string `yaml:"prepare_upload"`
	Imagex        string `yaml:"imagex"`
	Upload        string `yaml:"upload"` // on the host that is handed out
	WhoAmI        string `yaml:"whoami"`
}

// VideoRoute is how videos are made.
type VideoRoute struct {
	Start  Start  `yaml:"start"`
	Result Result `yaml:"result"`
}

// Frames are the names of what is in a stream.
type Frames struct {
	Numeric struct {
		Ack   int `yaml:"ack"`
		Delta int `yaml:"delta"`
		End   int `yaml:"end"`
		Error int `yaml:"error"`
	} `yaml:"numeric"`
	Named struct {
		Ack     string `yaml:"ack"`
		Message string `yaml:"message"`
		Patch   string `yaml:"patch"`
		Delta   string `yaml:"delta"`
		End     string `yaml:"end"`
		Error   string `yaml:"error"`
	} `yaml:"named"`
	GatewayError   string `yaml:"gateway_error"`
	Text           []int  `yaml:"text"`
	Thinking       []int  `yaml:"thinking"`
	ThinkingMarker []int  `yaml:"thinking_marker"`
	Creations      []int  `yaml:"creations"`
}

// Bodies are the templates of requests.
type Bodies struct {
	ChatNumeric   Template `yaml:"chat_numeric"`
	ChatNamed     Template `yaml:"chat_named"`
	ImageNumeric  Template `yaml:"image_numeric"`
	ImageNamed    Template `yaml:"image_named"`
	VideoNumeric  Template `yaml:"video_numeric"`
	VideoNamed    Template `yaml:"video_named"`
	Canvas        Template `yaml:"canvas"`
	History       Template `yaml:"history"`
	Async         Template `yaml:"async"`
	PrepareUpload Template `yaml:"prepare_upload"`
}

// Attachments are the templates of one image in a request.
type Attachments struct {
	ChatNumeric  Template `yaml:"chat_numeric"`
	MediaNumeric Template `yaml:"media_numeric"`
	Named        Template `yaml:"named"`
}

// Poll is how often the upstream is asked.
type Poll struct {
	Interval   Duration `yaml:"interval"`
	StreamWait Duration `yaml:"stream_wait"`
	Settle     Duration `yaml:"settle"`
}

// Upload is how images are given to the upstream.
type Upload struct {
	Settle   Duration `yaml:"settle"`
	MaxBytes int64    `yaml:"max_bytes"`
	Region   string   `yaml:"region"`
	Service  string   `yaml:"service"`

	// Hosts are those that an image may be sent to: the upstream names one of
	// them. "*." at the beginning stands for any name below.
	Hosts []string `yaml:"hosts"`
}

// Wording is what the driver writes into texts.
type Wording struct {
	Style  string            `yaml:"style"` // with ${style}
	Ratio  string            `yaml:"ratio"` // with ${ratio}
	Styles map[string]string `yaml:"styles"`
	Roles  map[string]string `yaml:"roles"`
	Turn   string            `yaml:"turn"` // with ${role} and ${text}
}

//go:embed profile.yaml
var defaultProfile []byte

// DefaultProfile is the profile that the driver uses without one of the operator.
func DefaultProfile() (*Profile, error) { return ParseProfile(nil) }

// ParseProfile reads a profile in YAML. It says what is other than in the default
// profile; nil is that one itself. Lists and maps are replaced as a whole. An
// unknown key, placeholder, path or pattern is an error that names it.
func ParseProfile(data []byte) (*Profile, error) {
	p := &Profile{}
	for _, doc := range [][]byte{defaultProfile, data} {
		if len(bytes.TrimSpace(doc)) == 0 {
			continue
		}
		d := yaml.NewDecoder(bytes.NewReader(doc), yaml.Strict(), yaml.UseOrderedMap())
		if err := d.Decode(p); err != nil {
			return nil, fmt.Errorf("the profile of doubaoweb cannot be read: %s", yaml.FormatError(err, false, false))
		}
	}
	return p, p.check()
}

// check finds what would only be noticed at the first job.
func (p *Profile) check() error {
	switch {
	case p.Dialect != Numeric && p.Dialect != Named:
		return fmt.Errorf("dialect: %q is not %s or %s", p.Dialect, Numeric, Named)
	case p.Video.Start != StartA && p.Video.Start != StartB && p.Video.Start != StartC:
		return fmt.Errorf("video.start: %q is not A, B or C", p.Video.Start)
	case p.Video.Result != History && p.Video.Result != Async && p.Video.Result != Canvas:
		return fmt.Errorf("video.result: %q is not %s, %s or %s", p.Video.Result, History, Async, Canvas)
	case (p.Video.Start == StartC) != (p.Video.Result == Canvas):
		return errors.New("video.result: canvas goes with video.start C, and with no other")
	case len(p.SessionCookies) == 0:
		return errors.New("session_cookies: must name at least one cookie")
	case len(p.MediaHosts) == 0:
		return errors.New("media_hosts: must name at least one host")
	case p.Upload.MaxBytes <= 0:
		return errors.New("upload.max_bytes: must be more than 0")
	}
	for i, r := range p.Errors {
		if err := r.check(); err != nil {
			return fmt.Errorf("errors[%d]: %w", i, err)
		}
	}
	return p.checkTemplates()
}

func (p *Profile) checkTemplates() error {
	b, a := p.Bodies, p.Attachments
	for name, t := range map[string]Template{
		"bodies.chat_numeric": b.ChatNumeric, "bodies.chat_named": b.ChatNamed, "bodies.image_numeric": b.ImageNumeric,
		"bodies.image_named": b.ImageNamed, "bodies.video_numeric": b.VideoNumeric, "bodies.video_named": b.VideoNamed,
		"bodies.canvas": b.Canvas, "bodies.history": b.History, "bodies.async": b.Async, "bodies.prepare_upload": b.PrepareUpload,
		"attachments.chat_numeric": a.ChatNumeric, "attachments.media_numeric": a.MediaNumeric, "attachments.named": a.Named,
	} {
		if err := t.check(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for name, value := range p.Headers {
		if err := checkHeader(name, value); err != nil {
			return fmt.Errorf("headers: %w", err)
		}
	}
	for _, m := range []map[string]string{p.Query, p.Headers} {
		for name, value := range m {
			if err := checkPlaceholders(value); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

// dialectOf is the dialect of a kind of model.
func (p *Profile) dialectOf(kind upstream.ModelKind) Dialect {
	switch {
	case kind != upstream.VideoModel:
		return p.Dialect
	case p.Video.Start == StartB:
		return Named
	}
	return Numeric
}
