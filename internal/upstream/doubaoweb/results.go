package doubaoweb

import (
	"errors"
	"fmt"
	"time"

	"github.com/goccy/go-yaml"
)

// Results are the places of what was made.
type Results struct {
	Images    Paths          `yaml:"images"`
	Image     MediaPaths     `yaml:"image"`
	Videos    Paths          `yaml:"videos"`
	Video     MediaPaths     `yaml:"video"`
	Failure   Paths          `yaml:"failure"`
	AsyncTask Paths          `yaml:"async_task"`
	History   HistoryResults `yaml:"history"`
	Canvas    CanvasResults  `yaml:"canvas"`
}

// MediaPaths are the places in one creation. It is made when it has a link and its
// status, if it tells one, is one of Done.
type MediaPaths struct {
	Key    Paths    `yaml:"key"`
	URL    Paths    `yaml:"url"`
	Cover  Paths    `yaml:"cover"`
	Status Paths    `yaml:"status"`
	Done   []string `yaml:"done"`
}

// HistoryResults are the places in the answer with a conversation's messages; all
// but Messages are within a message, Creation and Text within one of its blocks.
type HistoryResults struct {
	Messages     Paths `yaml:"messages"`
	Conversation Paths `yaml:"conversation"`
	ID           Paths `yaml:"id"`
	Owner        Paths `yaml:"owner"`
	Blocks       Paths `yaml:"blocks"`
	Creation     Paths `yaml:"creation"`
	Text         Paths `yaml:"text"`
	Content      Paths `yaml:"content"` // of a message that has no blocks
	Paywall      Paths `yaml:"paywall"`
}

// CanvasResults are the places in the canvas's answer.
type CanvasResults struct {
	State   Paths    `yaml:"state"`
	Working []string `yaml:"working"`
	Done    []string `yaml:"done"`
	Failed  []string `yaml:"failed"`
	Videos  Paths    `yaml:"videos"`
	Failure Paths    `yaml:"failure"`
}

// Duration is a time such as "5s" or "10m".
type Duration time.Duration

// UnmarshalYAML reads the text of a duration.
func (d *Duration) UnmarshalYAML(b []byte) error {
	var s string
	if err := yaml.Unmarshal(b, &s); err != nil {
		return errors.New("must be a time such as 5s")
	}
	v, err := time.ParseDuration(s)
	if err != nil || v < 0 {
		return fmt.Errorf("%q must be a time such as 5s", s)
	}
	*d = Duration(v)
	return nil
}
