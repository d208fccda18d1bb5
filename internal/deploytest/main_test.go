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

// image is what the Dockerfile's build stage makes: TestMain has run it.
var image string

func TestMain(m *testing.M) { os.Exit(testserver.Main(m, "tt-image-", build)) }

func build(dir string) error {
	image = dir
	cmd := exec.Command(filepath.Join(root, "deploy", "image", "build.sh"), dir)
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("deploy/image/build.sh: %w\n%s", err, said)
	}
	return nil
}

// program is the path of a program of the image, which the image knows as
// /usr/local/bin/NAME.
func program(inImage string) string { return filepath.Join(image, inImage) }

// read gives a file of the source.
func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
