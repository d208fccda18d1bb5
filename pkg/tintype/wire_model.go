package tintype

// ModelList answers GET /v1/models.
type ModelList struct {
	Object string  `json:"object"` // ObjectList
	Data   []Model `json:"data"`
}

// Model is one model of a server: OpenAI's fields, and what it can.
type Model struct {
	ID        string   `json:"id"`     // the name to send; may hold spaces
	Object    string   `json:"object"` // ObjectModel
	Created   int64    `json:"created"`
	OwnedBy   string   `json:"owned_by"`
	Kind      Kind     `json:"kind"`
	Ratios    []string `json:"ratios,omitempty"`    // "16:9"; empty: the model takes none
	Durations []int    `json:"durations,omitempty"` // whole seconds, of videos
	Sizes     []string `json:"sizes,omitempty"`     // "2048x2048": what may be asked for to the pixel

	Resolutions     []string `json:"resolutions,omitempty"`      // "2K", "720p"
	MaxImages       int      `json:"max_n,omitempty"`            // the most that n may be
	ReferenceImages int      `json:"reference_images,omitempty"` // the most input images
	Seed            bool     `json:"seed,omitempty"`             // takes a seed
	NegativePrompt  bool     `json:"negative_prompt,omitempty"`  // takes one
	LastFrame       bool     `json:"last_frame,omitempty"`       // takes the frame that a video ends with
	References      int      `json:"references,omitempty"`       // the most "images" of a video, which are no frames of it
}
