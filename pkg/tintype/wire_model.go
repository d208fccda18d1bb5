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
	Sizes     []string `json:"sizes,omitempty"`     // "2048x2048", in the order of Ratios
}
