package deploytest_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/tintypehq/tintype/internal/testserver"
)

// root is the source's.
const root = "../.."

// The images by the names that build.sh knows them by.
const (
	service   = "tintype"
	simulator = "sim"
)

// images holds what the Dockerfile's build stages make, each image's root under its name:
// TestMain has run them.
var images string

func TestMain(m *testing.M) { os.Exit(testserver.Main(m, "tt-image-", build)) }

func build(dir string) error {
	images = dir
	for _, image := range []string{service, simulator} {
		cmd := exec.Command(filepath.Join(root, "deploy", "image", "build.sh"), filepath.Join(dir, image), image)
		if said, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("deploy/image/build.sh: %w\n%s", err, said)
		}
	}
	return nil
}

// program is the path of a program of an image, which the image knows as
// /usr/local/bin/NAME.
func program(image, inImage string) string { return filepath.Join(images, image, inImage) }

// read gives a file of the source.
func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
