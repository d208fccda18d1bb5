package blob

import (
	"fmt"
	"strings"
)

// MaxKeyBytes is the longest key. Stores allow 1024 with their prefix.
const MaxKeyBytes = 512

// CheckKey returns ErrBadKey, with the reason, for a key that breaks the rules
// of PutRequest.Key. Every store calls it first.
func CheckKey(key string) error {
	if key == "" || len(key) > MaxKeyBytes {
		return fmt.Errorf("%w: %d bytes long, allowed are 1 to %d", ErrBadKey, len(key), MaxKeyBytes)
	}
	for segment := range strings.SplitSeq(key, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return fmt.Errorf("%w: the segment %q", ErrBadKey, segment)
		}
		if i := strings.IndexFunc(segment, notInKey); i >= 0 {
			return fmt.Errorf("%w: the segment %q", ErrBadKey, segment)
		}
	}
	return nil
}

// CheckDir returns ErrBadKey for a folder that no key can be in.
func CheckDir(dir string) error {
	key, ok := strings.CutSuffix(dir, "/")
	if !ok {
		return fmt.Errorf("%w: the folder %q does not end in a slash", ErrBadKey, dir)
	}
	return CheckKey(key)
}

func notInKey(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return false
	}
	return r != '-' && r != '_' && r != '.'
}
