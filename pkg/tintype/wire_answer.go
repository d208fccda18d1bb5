package tintype

import "encoding/json"

// The values of "object" in answers.
const (
	ObjectCompletion = "chat.completion"       // ChatResponse and MediaResponse
	ObjectChunk      = "chat.completion.chunk" // Chunk
	ObjectJob        = "job"                   // Job
	ObjectJobDeleted = "job.deleted"           // DeletedJob
	ObjectModel      = "model"                 // Model
	ObjectList       = "list"                  // ModelList
)

// MediaResponse answers a request for an image or a video. It says the same
// thing twice, for two kinds of readers: as a chat message in Choices and as
// OpenAI's list of images in Data.
type MediaResponse struct {
	ID      string      `json:"id"` // the job's id: opaque, sortable
	Model   string      `json:"model"`
	Object  string      `json:"object"` // ObjectCompletion
	Choices []Choice    `json:"choices"`
	Created int64       `json:"created"` // unix seconds
	Data    []DataItem  `json:"data"`
	Usage   *MediaUsage `json:"usage,omitempty"` // nil if the upstream counted nothing

	// Media are the job's files with their sizes and checksums, ready for
	// [MediaService.Download]. The client has them from the job; empty: it has not
	// seen it, since its key may not read jobs.
	Media []Media `json:"-"`
}

// Choice is one alternative of a MediaResponse; there is one, of index 0.
type Choice struct {
	Index        int     `json:"index"`
	Message      Message `json:"message"`
	FinishReason string  `json:"finish_reason"` // "stop"
}

// Message is a result told as a chat message.
type Message struct {
	Role    string  `json:"role"`             // "assistant"
	Content string  `json:"content"`          // markdown with the links
	Images  Links   `json:"images,omitempty"` // of image answers
	Videos  []Video `json:"videos,omitempty"` // of video answers
}

// Video is a made film.
type Video struct {
	VID   string `json:"vid"`             // the upstream's own id of the video or of its task
	Cover string `json:"cover,omitempty"` // link to a still; empty if there is none
	URL   string `json:"url"`             // link to the file, on the API's own origin
}

// DataItem is a made image or film. An image has URL or B64JSON, never both; a
// film has URL, VID and, if there is a still of it, Cover.
type DataItem struct {
	URL     string `json:"url,omitempty"`
	B64JSON string `json:"b64_json,omitempty"` // standard base64 of the file
	Cover   string `json:"cover,omitempty"`
	VID     string `json:"vid,omitempty"`
}

// MediaUsage is what the upstream counted for a job. Zero: it did not say.
type MediaUsage struct {
	OutputTokens int64 `json:"output_tokens,omitempty"`
	TotalTokens  int64 `json:"total_tokens,omitempty"`
	Images       int64 `json:"images,omitempty"`
}

// Links is a list of URLs. It is written as an array of strings, and read from
// one of strings or of objects with "url" or "image_url":{"url"}, which is how
// some chat models attach images.
type Links []string

// UnmarshalJSON reads either form. An entry without a link is left out.
func (l *Links) UnmarshalJSON(b []byte) error {
	var entries []json.RawMessage
	if err := json.Unmarshal(b, &entries); err != nil {
		return err
	}
	*l = nil
	for _, e := range entries {
		if link := linkOf(e); link != "" {
			*l = append(*l, link)
		}
	}
	return nil
}

// linkOf gives the URL in one entry of Links, or "".
func linkOf(entry json.RawMessage) string {
	var link string
	if json.Unmarshal(entry, &link) == nil {
		return link
	}
	var object struct {
		URL      string `json:"url"`
		ImageURL struct {
			URL string `json:"url"`
		} `json:"image_url"`
	}
	if json.Unmarshal(entry, &object) != nil {
		return ""
	}
	if object.URL != "" {
		return object.URL
	}
	return object.ImageURL.URL
}
