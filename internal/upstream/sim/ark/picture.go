package ark

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"image"
	// The formats that Ark takes, but for HEIC, which is let through unread.
	_ "image/gif"
	_ "image/jpeg"
	_ "image/png"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	_ "golang.org/x/image/bmp"
	_ "golang.org/x/image/tiff"
	_ "golang.org/x/image/webp"

	"github.com/tintypehq/tintype/internal/upstream/sim/paint"
)

const (
	fetchTimeout  = 10 * time.Second
	maxImageBytes = 30 << 20
	maxPixels     = 36_000_000
)

// rules are what a picture in a request must be like.
type rules struct {
	param    string
	formats  []string
	minSide  int
	maxSide  int // 0 for no limit
	minTotal int // pixels
	maxTotal int
	minRatio float64 // of width to height; 0 for no limit
	maxRatio float64
	asset    bool // asset:// is let through
}

var everyFormat = []string{"jpeg", "png", "webp", "bmp", "tiff", "gif", "heic"}

func chatPictures(param string) rules {
	return rules{param: param, formats: everyFormat, minSide: 1, minTotal: 196, maxTotal: maxPixels}
}

// picture is a picture from a request. One of HEIC has no size and no thumb.
type picture struct {
	format string
	width  int
	height int
	thumb  image.Image
}

// picture gets and checks a picture that is given as a URL or a data URI.
func (p *Protocol) picture(ctx context.Context, ref string, want rules) (picture, *problem) {
	if want.asset && strings.HasPrefix(ref, "asset://") {
		return picture{format: "asset"}, nil
	}
	data, bad := p.load(ctx, ref, want.param)
	if bad != nil {
		return picture{}, bad
	}
	if isHEIC(data) {
		if !slices.Contains(want.formats, "heic") {
			return picture{}, invalid(want.param, "image format heic is not supported")
		}
		return picture{format: "heic"}, nil
	}
	cfg, format, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return picture{}, invalid(want.param, "the image cannot be decoded")
	}
	if bad := want.judge(cfg.Width, cfg.Height, format); bad != nil {
		return picture{}, bad
	}
	img, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return picture{}, invalid(want.param, "the image is damaged or cut off")
	}
	return picture{format: format, width: cfg.Width, height: cfg.Height, thumb: paint.Thumb(img)}, nil
}

func (r rules) judge(w, h int, format string) *problem {
	ratio := float64(w) / float64(max(h, 1))
	switch {
	case !slices.Contains(r.formats, format):
		return invalid(r.param, "image format %s is not supported", format)
	case min(w, h) < r.minSide:
		return invalid(r.param, "image width and height must be at least %d pixels, got %dx%d", r.minSide, w, h)
	case r.maxSide > 0 && max(w, h) > r.maxSide:
		return invalid(r.param, "image width and height must be at most %d pixels, got %dx%d", r.maxSide, w, h)
	case w*h < r.minTotal:
		return invalid(r.param, "image size must be at least %d pixels", r.minTotal)
	case w*h > r.maxTotal:
		return invalid(r.param, "image size must be at most %d pixels", r.maxTotal)
	case r.minRatio > 0 && (ratio < r.minRatio || ratio > r.maxRatio):
		return invalid(r.param, "image aspect ratio must be between %.4g and %.4g, got %.4g", r.minRatio, r.maxRatio, ratio)
	}
	return nil
}

func isHEIC(data []byte) bool {
	return len(data) > 12 && string(data[4:8]) == "ftyp" && slices.Contains([]string{"heic", "heix", "mif1", "heif"}, string(data[8:12]))
}

// load gets the bytes behind a reference.
func (p *Protocol) load(ctx context.Context, ref, param string) ([]byte, *problem) {
	switch {
	case ref == "":
		return nil, missing(param)
	case strings.HasPrefix(ref, "data:"):
		return inline(ref, param)
	case strings.HasPrefix(ref, "http://"), strings.HasPrefix(ref, "https://"):
		data, err := p.fetch(ctx, ref)
		if err != nil {
			return nil, invalid(param, "the image cannot be downloaded: %s", err.Error())
		}
		return data, nil
	}
	return nil, invalid(param, "it must be an http(s) URL or data:image/<format>;base64,<data>")
}

var dataURI = regexp.MustCompile(`^data:image/[a-z0-9.+-]+;base64,`)

func inline(ref, param string) ([]byte, *problem) {
	head := dataURI.FindString(ref)
	if head == "" {
		return nil, invalid(param, "a data URI must begin with data:image/<format>;base64, in lower case")
	}
	if base64.StdEncoding.DecodedLen(len(ref)-len(head)) > maxImageBytes+3 {
		return nil, invalid(param, "the image exceeds 30 MB")
	}
	data, err := base64.StdEncoding.DecodeString(ref[len(head):])
	if err != nil {
		return nil, invalid(param, "the base64 data cannot be decoded")
	}
	return data, nil
}

// fetch downloads a picture. Its errors are for the caller.
func (p *Protocol) fetch(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, errors.New("the URL is not valid")
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return nil, errors.New("no connection, or no answer in time")
	}
	defer func() { _ = resp.Body.Close() }() // it has been read
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", resp.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxImageBytes+1))
	if err != nil {
		return nil, errors.New("the download broke off")
	}
	if len(data) > maxImageBytes {
		return nil, errors.New("it exceeds 30 MB")
	}
	return data, nil
}
