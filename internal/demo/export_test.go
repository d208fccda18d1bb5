package demo

import (
	"time"

	"github.com/tintypehq/tintype/internal/config"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// Set adds a setting of the service.
func Set(o *Options, setting, value string) {
	o.settings = append(o.settings, config.Flag{Name: "test", Setting: setting, Value: value})
}

// Check runs the checks of a fetched file.
func Check(name string, data []byte, m tintype.Media) error {
	_, err := check(name, data, m)
	return err
}

// Landscape draws the input picture.
func Landscape() ([]byte, error) { return landscape() }

// Quote makes a foreign text fit for a terminal.
func Quote(text string) string { return quote(text) }

// Times gives the stages of a job, those that it did not have as -1: waiting,
// submit, generate, mirror, total.
func Times(j *tintype.Job) [5]time.Duration {
	t := timesOf(j)
	var out [5]time.Duration
	for i, d := range []*time.Duration{t.waiting, t.submit, t.generate, t.mirror, t.total} {
		if out[i] = -1; d != nil {
			out[i] = *d
		}
	}
	return out
}
