package tintype

// What is here are the answers in other services' shapes, which the server gives
// beside its own: OpenAI's videos and files, and new-api's video tasks.

// The values of "object" in these answers.
const (
	ObjectVideo        = "video"         // VideoObject
	ObjectVideoDeleted = "video.deleted" // VideoDeleted
	ObjectFile         = "file"          // File and FileDeleted
)

// VideoObject is a job as OpenAI's video: POST and GET /v1/videos. All of its keys
// are always there.
type VideoObject struct {
	ID          string      `json:"id"` // the job's id
	Object      string      `json:"object"`
	Model       string      `json:"model"`
	Status      VideoStatus `json:"status"`
	Progress    int         `json:"progress"`     // 0 to 100
	CreatedAt   int64       `json:"created_at"`   // unix seconds
	CompletedAt *int64      `json:"completed_at"` // final; nil before
	ExpiresAt   *int64      `json:"expires_at"`   // of a completed one: its file is kept until then
	Prompt      string      `json:"prompt"`
	Seconds     string      `json:"seconds"` // a whole number; empty before anybody knows
	Size        string      `json:"size"`    // "1280x720"; empty before anybody knows
	Error       *VideoError `json:"error"`   // of a failed one, else nil

	// RemixedFrom is always nil: nothing is remixed here.
	RemixedFrom *string `json:"remixed_from_video_id"`
}

// VideoList answers GET /v1/videos, the newest first.
type VideoList struct {
	Object  string        `json:"object"` // ObjectList
	Data    []VideoObject `json:"data"`
	FirstID *string       `json:"first_id"` // nil on an empty page
	LastID  *string       `json:"last_id"`  // where to go on
	HasMore bool          `json:"has_more"`
}

// VideoStatus is how far a VideoObject or a VideoTask has come.
type VideoStatus string

// The statuses. A canceled video is a failed one with the code of that.
const (
	VideoQueued     VideoStatus = "queued"
	VideoInProgress VideoStatus = "in_progress"
	VideoCompleted  VideoStatus = "completed" // of a VideoObject
	VideoSucceeded  VideoStatus = "succeeded" // of a VideoTask
	VideoFailed     VideoStatus = "failed"
)

// VideoError says why a video was not made.
type VideoError struct {
	Code    string `json:"code"` // one of the Code values, or "expired"
	Message string `json:"message"`
}

// VideoDeleted answers DELETE /v1/videos/{id}.
type VideoDeleted struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Deleted bool   `json:"deleted"` // its files are gone; or it will not be made, and costs nothing
}

// VideoTask is a job as new-api's video task: GET /v1/video/generations/{id}.
type VideoTask struct {
	TaskID   string        `json:"task_id"` // the job's id
	Status   VideoStatus   `json:"status"`
	URL      string        `json:"url"`      // of a succeeded one; needs no key
	Format   string        `json:"format"`   // "mp4"
	Metadata *TaskMetadata `json:"metadata"` // of a succeeded one, else nil
	Error    *VideoError   `json:"error"`    // of a failed one, else nil
}

// TaskMetadata is what is known of a VideoTask's file.
type TaskMetadata struct {
	Duration float64 `json:"duration"` // seconds
	FPS      float64 `json:"fps"`
	Width    int     `json:"width"`
	Height   int     `json:"height"`
	Seed     *int64  `json:"seed,omitempty"` // as asked for
}

// File is an uploaded picture: POST and GET /v1/files. Its ID is good wherever a
// picture may stand in a request of the same credential.
type File struct {
	ID        string `json:"id"` // "file-…"
	Object    string `json:"object"`
	Bytes     int64  `json:"bytes"`
	CreatedAt int64  `json:"created_at"` // unix seconds
	ExpiresAt int64  `json:"expires_at"`
	Filename  string `json:"filename"`
	Purpose   string `json:"purpose"` // "vision"
	Status    string `json:"status"`  // "processed"
}

// FileDeleted answers DELETE /v1/files/{id}.
type FileDeleted struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Deleted bool   `json:"deleted"`
}
