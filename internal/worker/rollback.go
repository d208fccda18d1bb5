package worker

import (
	"context"

	"github.com/tintypehq/tintype/internal/redisstore"
)

// What an operator needs to know when Redis has lost writes.
const (
	lostFences = "a submission that was begun in the lost time may be sent and paid again; worker.submit_fence: redis+s3 would not send it"
	lostJobs   = "jobs that were accepted in the lost time are gone; a submission that was begun in it is not sent again, its fence is in the bucket"
)

// look notices when Redis goes back in time, and says so once for each time.
// It does not know which writes are gone, and changes nothing.
func (w *Worker) look(ctx context.Context, memory *redisstore.Memory) {
	lost, err := memory.Look(ctx)
	if err != nil || !lost { // the sweep tells of a Redis that is away
		return
	}
	w.metrics.rollbacks.Inc()
	means := lostFences
	if w.FenceObjects {
		means = lostJobs
	}
	w.Log.ErrorContext(ctx, "Redis has gone back in time: it has lost writes that it had confirmed", "means", means,
		"causes", "an old backup was restored, it was emptied, a replica took over that had not got everything, or appendfsync is not always")
}
