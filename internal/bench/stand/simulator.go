package stand

import (
	"context"
	"flag"
	"io"

	"github.com/tintypehq/tintype/internal/upstream/sim"
)

// runSimulator serves the simulator without limits on its accounts, so that it
// is never what a figure shows.
func runSimulator(ctx context.Context, flags *flag.FlagSet, args []string, stdout io.Writer) error {
	addr := flags.String("addr", "", "host:port to listen on")
	image := flags.Duration("image-time", -1, "how long an image takes; less than zero: none")
	video := flags.Duration("video-time", -1, "the same for a video")
	if err := flags.Parse(args); err != nil {
		return err
	}
	s := sim.New(sim.Config{
		ImageTime: *image, VideoTime: *video,
		Defaults: sim.Account{RPM: -1, IPM: -1, ChatRPM: -1, MaxRunning: -1, MaxQueued: -1},
	})
	defer s.Close()
	return serve(ctx, *addr, stdout, s)
}
