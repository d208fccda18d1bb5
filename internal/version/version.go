// Package version tells which version of Tintype a program is of.
package version

import (
	"runtime/debug"
	"strings"
)

// OfBuild is the version of the build: a tag, or the commit.
func OfBuild() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return strings.ToLower(s.Value[:min(12, len(s.Value))])
		}
	}
	return "devel"
}
