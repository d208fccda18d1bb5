package job

// Stage is a part of a worker that a bell wakes.
type Stage string

// The stages that are rung for. Polling is not one of them: its worker looks
// for jobs by itself.
const (
	StageSubmit  Stage = "submit"
	StageMirror  Stage = "mirror"
	StageWebhook Stage = "webhook" // deliveries, also of jobs that are final
)

// Bell says that a stage should look at a job now. It carries no state: what
// is to be done stands in the job. N counts the bells of a job, so that the
// same ring is not queued twice.
type Bell struct {
	Job   ID
	Stage Stage
	N     int64
}
