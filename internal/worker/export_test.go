package worker

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tintypehq/tintype/internal/job"
)

// CoverageOver is how many jobs the share of kept estimates is taken over.
const CoverageOver = coverageOver

// Measured gives what notes a job's estimate, with its metrics in a registry.
func Measured(reg prometheus.Registerer) func(*job.Job) {
	return newMetrics(reg, slog.New(slog.DiscardHandler)).coverage.note
}
