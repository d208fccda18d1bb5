package deploytest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const ruleHead = `# Made of deploy/monitoring/rules by "make k8s-rules": change the rules there.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: tintype
  labels: {app.kubernetes.io/name: tintype, app.kubernetes.io/part-of: tintype}
spec:
  groups:
`

// PrometheusRule gives the rule files of a folder as one object for the
// prometheus-operator. The files are those that Prometheus reads itself: each is
// comments, the line "groups:" and what belongs to it.
func PrometheusRule(dir string) ([]byte, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	out := bytes.NewBufferString(ruleHead)
	if len(files) == 0 {
		return []byte(strings.TrimSuffix(ruleHead, "\n") + " []\n"), nil
	}
	for _, file := range files {
		b, err := os.ReadFile(file) //nolint:gosec // the caller's own folder
		if err != nil {
			return nil, err
		}
		_, groups, found := strings.Cut("\n"+string(b), "\ngroups:\n")
		if !found {
			return nil, fmt.Errorf("%s has no line \"groups:\"", file)
		}
		for line := range strings.Lines(groups) {
			if strings.TrimSpace(line) != "" {
				line = "  " + line
			}
			out.WriteString(line)
		}
	}
	return out.Bytes(), nil
}
