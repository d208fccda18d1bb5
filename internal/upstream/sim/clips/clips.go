// Package clips holds the simulator's videos: one of five seconds, H.264 and
// without sound, for each ratio. A clip is always of 480p, whatever resolution
// and duration were asked for; the script make.sh has made them.
package clips

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed *.mp4
var files embed.FS

// Ratios are those that there is a clip for.
var Ratios = []string{"16:9", "4:3", "1:1", "3:4", "9:16", "21:9"}

// MP4 is the clip for a ratio such as "16:9". Its bytes may not be changed.
func MP4(ratio string) ([]byte, error) {
	b, err := files.ReadFile(strings.Replace(ratio, ":", "x", 1) + ".mp4")
	if err != nil {
		return nil, fmt.Errorf("no clip for ratio %q", ratio)
	}
	return b, nil
}
