package demo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"
	_ "image/jpeg" // what an upstream may send
	_ "image/png"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "golang.org/x/image/webp" // likewise

	"github.com/tintypehq/tintype/internal/probe"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// file is one saved file that was found to be right.
type file struct {
	name          string
	width, height int           // pixels; zero for a text
	duration      time.Duration // zero for a picture
	size          int64         // bytes
	sha256        string        // empty for a file that no job has
}

// save fetches a file by its link and checks what then lies on the disk.
func (j jobs) save(ctx context.Context, name string, m tintype.Media) (file, error) {
	to, err := os.Create(filepath.Join(j.out, name)) //nolint:gosec // the user's directory, a name of ours
	if err != nil {
		return file{}, fmt.Errorf("%s cannot be saved: %w", name, err)
	}
	_, err = j.client.Media.Download(ctx, m, to)
	if closed := to.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return file{}, fmt.Errorf("%s cannot be fetched: %s", name, sentence(err))
	}
	data, err := os.ReadFile(to.Name())
	if err != nil {
		return file{}, fmt.Errorf("%s was saved and cannot be read: %w", name, err)
	}
	return check(name, data, m)
}

// check compares a file with what the API says of it, and looks into it.
func check(name string, data []byte, m tintype.Media) (file, error) {
	sum := sha256.Sum256(data)
	f := file{name: name, size: int64(len(data)), sha256: hex.EncodeToString(sum[:])}
	switch {
	case f.size != m.Bytes:
		return f, fmt.Errorf("%s has %d bytes, the API says %d", name, f.size, m.Bytes)
	case f.sha256 != m.SHA256:
		return f, fmt.Errorf("%s has another SHA-256 than the API says", name)
	}
	facts, err := probe.Bytes(data)
	switch {
	case err != nil:
		return f, fmt.Errorf("%s is not whole: %w", name, err)
	case facts.ContentType != m.Type:
		return f, fmt.Errorf("%s is of type %s, the API says %s", name, facts.ContentType, m.Type)
	case facts.Width != m.Width || facts.Height != m.Height:
		return f, fmt.Errorf("%s is %d × %d pixels, the API says %d × %d", name, facts.Width, facts.Height, m.Width, m.Height)
	}
	f.width, f.height, f.duration = facts.Width, facts.Height, facts.Duration
	if strings.HasPrefix(facts.ContentType, "video/") {
		return f, checkVideo(name, facts)
	}
	return f, checkPicture(name, data, facts)
}

func checkVideo(name string, facts probe.Facts) error {
	if facts.Duration <= 0 || facts.Width <= 0 || facts.Height <= 0 {
		return fmt.Errorf("%s has no picture or no length", name)
	}
	return nil
}

// checkPicture decodes every pixel.
func checkPicture(name string, data []byte, facts probe.Facts) error {
	picture, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("%s cannot be decoded: %w", name, err)
	}
	if size := picture.Bounds().Size(); size != image.Pt(facts.Width, facts.Height) {
		return fmt.Errorf("%s decodes to %d × %d pixels, not %d × %d", name, size.X, size.Y, facts.Width, facts.Height)
	}
	return nil
}
