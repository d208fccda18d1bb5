package server

import (
	"bytes"

	"github.com/tintypehq/tintype/internal/job"
)

// Tell gives a whole log in both dialects.
func Tell(j *job.Job, log []job.Event) (chunks, events []byte) {
	for i, speak := range []dialect{&chunkDialect{}, &eventDialect{}} {
		var b bytes.Buffer
		st := &stream{Server: nil, speak: speak, log: log, job: j}
		st.catchUp(&b)
		if i == 0 {
			chunks = b.Bytes()
		} else {
			events = b.Bytes()
		}
	}
	return chunks, events
}
