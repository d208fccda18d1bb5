package ark

import (
	"encoding/base64"
	"maps"
	"slices"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

// checkWishes refuses what a model cannot do. The door does so too, with more
// words, but it looks at the first of the places where a model is to be had, and
// this may be another: a wish that is left out would be paid for all the same.
func (p Profile) checkWishes(s upstream.Submission) *upstream.Error {
	spec, frames := s.Spec, min(len(s.Image), 1)
	seeds, resolutions, references := p.Video.Seed, p.Video.Resolutions, p.Video.References
	if p.Kind == upstream.ImageModel {
		seeds, resolutions, references = p.Image.Seed, slices.Collect(maps.Keys(p.Image.Tiers)), p.ReferenceImages-frames
	}
	for _, wish := range []struct {
		param    string
		bad      bool
		sentence string
	}{
		{"image", frames > 0 && p.ReferenceImages == 0, "This model takes no image."},
		{"image", frames+len(s.References) == 0 && p.NeedsImage, "This model needs an image."},
		{"images", len(s.References) > max(references, 0), "This model does not take that many images."},
		{"images", p.Kind == upstream.VideoModel && len(s.References) > 0 && frames > 0, "This model takes either frames of the video or references, not both."},
		{"last_frame", len(s.LastFrame) > 0 && (!p.Video.LastFrame || frames == 0), "This model takes no last frame, or none without a first one."},
		{"n", spec.Count > 1 && !p.Image.Groups, "This model makes one image of a request."},
		{"n", spec.Count > mostImages || spec.Count > 1 && spec.Count+frames+len(s.References) > mostTogether, "This model does not make that many images of a request with so many input images."},
		{"seed", spec.Seed != nil && !seeds, "This model takes no seed."},
		{"negative_prompt", spec.NegativePrompt != "", "This model takes no negative prompt."},
		{"size", spec.Size != "" && p.Kind == upstream.VideoModel, "This model takes no size in pixels."},
		{"resolution", spec.Resolution != "" && !slices.Contains(resolutions, spec.Resolution), "This model does not have that resolution."},
	} {
		if wish.bad {
			return wire.Refused(fault.New(fault.Invalid, wish.sentence).WithParam(wish.param))
		}
	}
	return nil
}

// roomFor is how long a request will be, about, so that megabytes of pictures are
// written once.
func roomFor(s upstream.Submission) int {
	n := len(s.Spec.Prompt) + 1<<10
	for _, b := range append([][]byte{s.Image, s.LastFrame}, s.References...) {
		n += base64.StdEncoding.EncodedLen(len(b)) + 1<<7
	}
	return n
}

// reference gives the record of a reference image. A submission that was made by
// hand may have none.
func reference(s upstream.Submission, i int) *job.Input {
	if i < len(s.Spec.References) {
		return &s.Spec.References[i]
	}
	return nil
}
