package tintype

// ImageRequest asks for an image: POST /v1/images/generations.
type ImageRequest struct {
	// Model is a public name of GET /v1/models. Empty: the server's default
	// for images, "Seedream 4.0" unless its operator chose another.
	Model string `json:"model,omitempty"`

	// Prompt says what to draw. Required; at most 4000 runes unless the
	// server's operator chose another limit.
	Prompt string `json:"prompt"`

	// Image is the picture to start from: an http(s) URL, a data URI or bare
	// base64. Empty: from the prompt alone.
	Image string `json:"image,omitempty"`

	// Ratio is width to height, like "16:9". Empty: "1:1". The model's entry
	// in GET /v1/models lists what it can.
	Ratio string `json:"ratio,omitempty"`

	// Images are further pictures to go by, in the forms of Image.
	Images []string `json:"images,omitempty"`

	// Size is "auto" or width and height in pixels, like "1024x1024": one of the
	// model's sizes, or else the shape that it means.
	Size string `json:"size,omitempty"`

	// Resolution is one of the model's, like "2K". Empty: the model's usual one.
	Resolution string `json:"resolution,omitempty"`

	// N is how many images to make. Zero: one.
	N int `json:"n,omitempty"`

	// Seed is of the model's dice. Nil: any.
	Seed *int64 `json:"seed,omitempty"`

	// NegativePrompt says what not to draw.
	NegativePrompt string `json:"negative_prompt,omitempty"`

	// Priority is "high", "normal" or "low". Empty: that of the key.
	Priority string `json:"priority,omitempty"`

	// Style is one of the server's words, like "通用", "卡通" or "3D".
	// Empty: "通用", general.
	Style string `json:"style,omitempty"`

	// Stream asks for chunks instead of one answer. The client's methods set
	// it themselves, whatever it was.
	Stream bool `json:"stream,omitempty"`

	// ResponseFormat is what "data" of the answer carries. Empty: links.
	ResponseFormat ResponseFormat `json:"response_format,omitempty"`

	// WebhookURL is told of the job: https, public, and able to check a signature
	// (see [VerifyWebhook]). WebhookEvents are the events it is told of; empty:
	// those of the job's end.
	WebhookURL    string      `json:"webhook_url,omitempty"`
	WebhookEvents []EventType `json:"webhook_events,omitempty"`

	// IdempotencyKey has the request made once, however often it is sent: the
	// same key with the same request means the same job, for a day. 1 to 255
	// visible ASCII characters; a new one for each new wish. It goes into a
	// header. Empty: every call is a job of its own.
	IdempotencyKey string `json:"-"`
}

func (r ImageRequest) key() string { return r.IdempotencyKey }

// ResponseFormat is the form in which an image comes back.
type ResponseFormat string

// The forms of an image. "choices" of the answer holds links in either case.
const (
	FormatURL    ResponseFormat = "url"      // a link, the default
	FormatBase64 ResponseFormat = "b64_json" // the bytes, in base64
)

// VideoRequest asks for a video: POST /v1/video/generations.
type VideoRequest struct {
	// Model is a public name of GET /v1/models. Empty: the server's default
	// for videos, "doubao-video" unless its operator chose another.
	Model string `json:"model,omitempty"`

	// Prompt says what to show. Required; at most 4000 runes unless the
	// server's operator chose another limit.
	Prompt string `json:"prompt"`

	// Image is the first frame: an http(s) URL, a data URI or bare base64.
	// Empty: from the prompt alone.
	Image string `json:"image,omitempty"`

	// Images are pictures to go by that are none of the video's frames, in the
	// forms of Image, which stays empty then. Few models take them.
	Images []string `json:"images,omitempty"`

	// LastFrame is the frame to end with, in the forms of Image; needs Image.
	LastFrame string `json:"last_frame,omitempty"`

	// Ratio is width to height, like "9:16". Empty: "16:9".
	Ratio string `json:"ratio,omitempty"`

	// Size is "auto" or width and height in pixels, like "1280x720": the ratio, and
	// the resolution if the model has one of that height.
	Size string `json:"size,omitempty"`

	// Resolution is one of the model's, like "720p", and Duration the length in
	// whole seconds. Empty and zero: the model's usual ones.
	Resolution string `json:"resolution,omitempty"`
	Duration   int    `json:"duration,omitempty"`

	// Seed, NegativePrompt and Priority are those of [ImageRequest].
	Seed           *int64 `json:"seed,omitempty"`
	NegativePrompt string `json:"negative_prompt,omitempty"`
	Priority       string `json:"priority,omitempty"`

	// Stream asks for chunks instead of one answer. The client's methods set
	// it themselves, whatever it was.
	Stream bool `json:"stream,omitempty"`

	// WebhookURL and WebhookEvents are those of [ImageRequest].
	WebhookURL    string      `json:"webhook_url,omitempty"`
	WebhookEvents []EventType `json:"webhook_events,omitempty"`

	// IdempotencyKey is that of [ImageRequest].
	IdempotencyKey string `json:"-"`
}

func (r VideoRequest) key() string { return r.IdempotencyKey }
