package tintype

// DeletedJob answers DELETE /v1/jobs/{id} of a job that was final. One that was
// not is canceled, and answered by the Job itself.
type DeletedJob struct {
	ID      string `json:"id"`
	Object  string `json:"object"` // ObjectJobDeleted
	Deleted bool   `json:"deleted"`
}

// JobList answers GET /v1/jobs, newest first. Of each job it leaves out its place
// in the line and its estimate, and its timeline is a short one.
type JobList struct {
	Object  string  `json:"object"` // ObjectList
	Data    []Job   `json:"data"`
	FirstID *string `json:"first_id"` // nil where there is none

	// LastID is what to ask for as "after" to go on, if HasMore. A page may be
	// empty and still have more behind it: few of many jobs were of those asked for.
	LastID  *string `json:"last_id"`
	HasMore bool    `json:"has_more"`
}
