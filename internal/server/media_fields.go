package server

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/upstream"
)

// readFields reads what a request may say beyond the original contract. A field that
// the model does not take is refused: ignored, it would have the caller pay for
// something else. OpenAI's quality, user and background say nothing about what is
// paid and are let by.
func (s *Server) readFields(m *upstream.Model, f fields, r *mediaRequest) error {
	for _, read := range []func(*upstream.Model, fields, *mediaRequest) error{
		readResolution, readSize, readCount, readSeed, readSeconds, s.readNegative, readLastFrame,
	} {
		if err := read(m, f, r); err != nil {
			return err
		}
	}
	if r.spec.Size == "" {
		r.spec.Resolution = cmp.Or(r.spec.Resolution, m.Usual.Resolution)
	}
	r.spec.Seconds = cmp.Or(r.spec.Seconds, m.Usual.Seconds)
	return nil
}

// notTaken refuses a field that a model does not have.
func notTaken(name string, m *upstream.Model) error {
	return fault.Newf(fault.Invalid, "%s: the model %q does not take it. Leave the field out or choose another model.", name, m.Name).WithParam(name)
}

// notAllowed refuses a value and says which there are.
func notAllowed[T any](name string, sent any, m *upstream.Model, allowed []T) error {
	words := make([]string, len(allowed))
	for i, v := range allowed {
		words[i] = fmt.Sprint(v)
	}
	return fault.Newf(fault.Invalid, "%s: %v is not one that the model %q can make. Allowed: %s.", name, sent, m.Name, strings.Join(words, ", ")).WithParam(name)
}

func readResolution(m *upstream.Model, f fields, r *mediaRequest) error {
	sent, err := f.text("resolution")
	if err != nil || sent == "" {
		return err
	}
	if len(m.Resolutions) == 0 {
		return notTaken("resolution", m)
	}
	for _, known := range m.Resolutions {
		if strings.EqualFold(known, strings.TrimSpace(sent)) {
			r.spec.Resolution = known
			return nil
		}
	}
	return notAllowed("resolution", strconv.Quote(clip(sent)), m, m.Resolutions)
}

var pixelSize = regexp.MustCompile(`^([1-9]\d{1,4})[x×*]([1-9]\d{1,4})$`)

// readSize takes a size in pixels that the model has, or else as what OpenAI's
// clients mean by it: a shape. Which pixels that gives is the model's affair.
func readSize(m *upstream.Model, f fields, r *mediaRequest) error {
	sent, err := f.text("size")
	sent = strings.ToLower(strings.TrimSpace(sent))
	if err != nil || sent == "" || sent == "auto" {
		return err
	}
	sides := pixelSize.FindStringSubmatch(sent)
	if sides == nil {
		return fault.New(fault.Invalid, `size: must be "auto" or width and height in pixels, such as "1024x1024".`).WithParam("size")
	}
	width, _ := strconv.ParseFloat(sides[1], 64)
	height, _ := strconv.ParseFloat(sides[2], 64)
	named := !f.missing("ratio") && r.spec.Ratio != ""
	i := slices.IndexFunc(m.Ratios, func(ratio string) bool {
		return near(ratio, width/height) && (!named || ratio == r.spec.Ratio)
	})
	if i >= 0 {
		r.spec.Ratio = m.Ratios[i]
	}
	size := sides[1] + "x" + sides[2]
	switch {
	case slices.Contains(m.Withheld, size) && len(m.Sizes) > 0:
		return notAllowed("size", size, m, m.Sizes)
	case slices.Contains(m.Sizes, size):
		switch {
		case named && !near(r.spec.Ratio, width/height):
			return fault.Newf(fault.Invalid, "size: %s is not of the ratio %s. Leave one of the two fields out.", size, r.spec.Ratio).WithParam("size")
		case r.spec.Resolution != "":
			return fault.Newf(fault.Invalid, "size: %s leaves nothing for resolution to say. Leave one of the two fields out.", size).WithParam("size")
		}
		r.spec.Size = size
		return nil
	}
	if i >= 0 {
		return readRows(m, r, rowsOf(min(width, height)), sent)
	}
	if named {
		return fault.Newf(fault.Invalid, "size: %s is not of the ratio %s. Leave one of the two fields out.", sent, r.spec.Ratio).WithParam("size")
	}
	if len(m.Sizes) == 0 {
		return fault.Newf(fault.Invalid, "size: %s has a shape that the model %q cannot make. %s", sent, m.Name, allowedRatios(m)).WithParam("size")
	}
	return notAllowed("size", sent, m, m.Sizes)
}

// rowsOf names the resolution of a video by its shorter side.
func rowsOf(side float64) string {
	const uhd = 2160
	if side == uhd {
		return "4k"
	}
	return strconv.Itoa(int(side)) + "p"
}

// readRows takes the resolution that a video's size names, if it does.
func readRows(m *upstream.Model, r *mediaRequest, rows, size string) error {
	switch {
	case slices.Contains(m.Withheld, rows):
		return fault.Newf(fault.Invalid, "size: %s is of the resolution %s, which the model %q does not have here. Allowed: %s.",
			size, rows, m.Name, strings.Join(m.Resolutions, ", ")).WithParam("size")
	case !slices.Contains(m.Resolutions, rows) || r.spec.Resolution == rows:
		return nil
	case r.spec.Resolution != "":
		return fault.Newf(fault.Invalid, "size: %s is not of the resolution %s. Leave one of the two fields out.", size, r.spec.Resolution).WithParam("size")
	}
	r.spec.Resolution = rows
	return nil
}

// near tells whether a ratio such as "16:9" is a shape, within 3 %: 1792x1024 is
// meant as 16:9.
func near(ratio string, shape float64) bool {
	left, right, _ := strings.Cut(ratio, ":")
	a, errA := strconv.ParseFloat(left, 64)
	b, errB := strconv.ParseFloat(right, 64)
	return errA == nil && errB == nil && math.Abs(shape/(a/b)-1) < 0.03
}

// whole reads a whole number, as a number or, as forms send it, as a text. 5.0 is
// one too: some languages have no other numbers.
func (f fields) whole(name string) (n int64, given bool, err error) {
	if f.missing(name) {
		return 0, false, nil
	}
	text := strings.Trim(string(f[name]), `"`)
	if head, tail, ok := strings.Cut(text, "."); ok && tail != "" && strings.Trim(tail, "0") == "" {
		text = head
	}
	n, err = strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, false, wrongType(name, "a whole number", f[name])
	}
	return n, true, nil
}

func readCount(m *upstream.Model, f fields, r *mediaRequest) error {
	n, given, err := f.whole("n")
	most := int64(max(m.MaxCount, 1))
	switch {
	case err != nil || !given:
		return err
	case n < 1 || n > most:
		return fault.Newf(fault.Invalid, "n: the model %q makes 1 to %d at once.", m.Name, most).WithParam("n")
	case n > 1 && m.MaxTogether > 0 && int(n)+len(r.images()) > m.MaxTogether:
		return fault.Newf(fault.Invalid, "n: with %d input images the model %q makes %d at most.", len(r.images()), m.Name, max(1, m.MaxTogether-len(r.images()))).WithParam("n")
	case most > 1:
		r.spec.Count = int(n)
	}
	return nil
}

const mostSeed = math.MaxInt32

func readSeed(m *upstream.Model, f fields, r *mediaRequest) error {
	n, given, err := f.whole("seed")
	switch {
	case err != nil || !given:
		return err
	case !m.Seed:
		return notTaken("seed", m)
	case n < 0 || n > mostSeed:
		return fault.Newf(fault.Invalid, "seed: must be a whole number from 0 to %d.", mostSeed).WithParam("seed")
	}
	r.spec.Seed = &n
	return nil
}

// readSeconds reads the length of a video: "duration", or "seconds" as OpenAI has
// it.
func readSeconds(m *upstream.Model, f fields, r *mediaRequest) error {
	for _, name := range []string{"duration", "seconds"} {
		n, given, err := f.whole(name)
		switch {
		case err != nil:
			return err
		case !given:
			continue
		case len(m.Seconds) == 0:
			return notTaken(name, m)
		case !slices.Contains(m.Seconds, int(n)):
			return notAllowed(name, n, m, m.Seconds)
		case r.spec.Seconds != 0 && r.spec.Seconds != int(n):
			return fault.New(fault.Invalid, "seconds: says something else than duration. Leave one of the two fields out.").WithParam("seconds")
		}
		r.spec.Seconds = int(n)
	}
	return nil
}

func (s *Server) readNegative(m *upstream.Model, f fields, r *mediaRequest) error {
	text, err := f.text("negative_prompt")
	switch {
	case err != nil || strings.TrimSpace(text) == "":
		return err
	case !m.NegativePrompt:
		return notTaken("negative_prompt", m)
	case utf8.RuneCountInString(text) > s.cfg.Limits.PromptRunes:
		return fault.Newf(fault.Invalid, "negative_prompt: has %d characters; the limit is %d.", utf8.RuneCountInString(text), s.cfg.Limits.PromptRunes).WithParam("negative_prompt")
	}
	r.spec.NegativePrompt = text
	return nil
}
