// Command rules writes the alert rules of deploy/monitoring/rules once more, as the
// object that the prometheus-operator reads.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/tintypehq/tintype/internal/deploytest"
)

func main() { os.Exit(run(filepath.Join("..", ".."))) }

func run(root string) int {
	b, err := deploytest.PrometheusRule(filepath.Join(root, "deploy", "monitoring", "rules"))
	if err == nil {
		err = os.WriteFile(filepath.Join(root, "deploy", "k8s", "components", "prometheus", "rules.yaml"), b, 0o644) //nolint:gosec // everybody may read the source
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "rules:", err)
		return 1
	}
	return 0
}
