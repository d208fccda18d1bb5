package server

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
)

// sentImage is an input image as the caller wrote it, and the field it stood in.
type sentImage struct {
	text, param string
}

// readReferences reads "images": for an image further references beside or instead
// of "image", for a video pictures to go by that are none of its frames.
func readReferences(m *upstream.Model, f fields, r *mediaRequest) error {
	if f.missing("images") {
		return nil
	}
	var list []string
	if json.Unmarshal(f["images"], &list) != nil {
		return wrongType("images", "a list of URLs, data URIs or base64 texts", f["images"])
	}
	for i, text := range list {
		name := fmt.Sprintf("images[%d]", i)
		if text = strings.TrimSpace(text); text == "" {
			return fault.Newf(fault.Invalid, "%s: is empty.", name).WithParam(name)
		}
		r.references = append(r.references, sentImage{text, name})
	}
	if m.Kind == upstream.VideoModel {
		return checkReferences(m, f, r)
	}
	if r.image == "" && len(r.references) > 0 { // the first of them is the one that "image" would be
		r.image, r.imageParam, r.references = r.references[0].text, r.references[0].param, r.references[1:]
	}
	n := len(r.references)
	if r.image != "" {
		n++
	}
	switch {
	case n > 0 && m.ReferenceImages == 0:
		return notTaken("images", m)
	case n > m.ReferenceImages:
		return fault.Newf(fault.Invalid, "images: %d with %q; the model %q takes %d at most.", n, "image", m.Name, m.ReferenceImages).WithParam("images")
	}
	return nil
}

// checkReferences holds the references of a video against the model.
func checkReferences(m *upstream.Model, f fields, r *mediaRequest) error {
	n, most := len(r.references), m.References
	switch {
	case n == 0:
		return nil
	case most == 0 && m.ReferenceImages > 0:
		return fault.Newf(fault.Invalid, "images: the model %q takes no references. The picture that its video begins with goes into \"image\".", m.Name).WithParam("images")
	case most == 0:
		return notTaken("images", m)
	case n > most:
		return fault.Newf(fault.Invalid, "images: %d; the model %q takes %d at most.", n, m.Name, most).WithParam("images")
	case r.image != "" || !f.missing("last_frame"):
		return fault.New(fault.Invalid, "images: references and frames of the video exclude each other. Leave out either images, or image and last_frame.").WithParam("images")
	}
	return nil
}

func readLastFrame(m *upstream.Model, f fields, r *mediaRequest) error {
	text, err := f.text("last_frame")
	text = strings.TrimSpace(text)
	switch {
	case err != nil || text == "":
		return err
	case !m.LastFrame:
		return notTaken("last_frame", m)
	case r.image == "":
		return fault.New(fault.Invalid, "last_frame: needs a first frame in \"image\" beside it.").WithParam("last_frame")
	}
	r.lastFrame = text
	return nil
}

// images gives all input images in the order in which they are stored.
func (r mediaRequest) images() []sentImage {
	var all []sentImage
	if r.image != "" {
		all = append(all, sentImage{r.image, cmp.Or(r.imageParam, "image")})
	}
	all = append(all, r.references...)
	if r.lastFrame != "" {
		all = append(all, sentImage{r.lastFrame, "last_frame"})
	}
	return all
}

// keep notes where the input images are.
func (r mediaRequest) keep(spec *job.Spec, stored []job.Input) {
	if r.lastFrame != "" {
		spec.LastFrame, stored = &stored[len(stored)-1], stored[:len(stored)-1]
	}
	if r.image != "" {
		spec.Input, stored = &stored[0], stored[1:]
	}
	spec.References = stored
}
