package ark_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/upstream/ark"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		cfg  ark.Config
		want string // in the error
	}{
		{"no scheme", ark.Config{BaseURL: "ark.example/api/v3"}, "base_url"},
		{"other scheme", ark.Config{BaseURL: "ftp://ark.example"}, "base_url"},
		{"password", ark.Config{BaseURL: "https://u:hunter2@ark.example"}, "base_url"},
		{"not a URL", ark.Config{BaseURL: "https://a b:hunter2@%zz"}, "base_url"},
		{"family", ark.Config{Families: map[string]ark.Family{"ep-1": "seedream-9"}}, `"seedream-9"`},
		{"resolution", settings("doubao-seedance-2-0-fast-260128", ark.Settings{Resolution: "1080p"}), "1080p"},
		{"too long", settings("doubao-seedance-1-0-pro-250528", ark.Settings{Seconds: 13}), "2 to 12"},
		{"own choice", settings("doubao-seedance-1-0-pro-250528", ark.Settings{Seconds: -1}), "cannot choose"},
		{"sound", settings("doubao-seedance-1-0-pro-250528", ark.Settings{Audio: true}), "no sound"},
		{"tier", settings("doubao-seedream-4-5-251128", ark.Settings{Size: "1K"}), "[2K 4K]"},
		{"family of an endpoint", ark.Config{
			Families: map[string]ark.Family{"ep-1": ark.Seedance25},
			Settings: map[string]ark.Settings{"ep-1": {Seconds: 31}},
		}, "4 to 30"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := ark.New(tt.cfg)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q in it", err, tt.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows a password: %v", err)
			}
		})
	}
}

func settings(id string, s ark.Settings) ark.Config {
	return ark.Config{Settings: map[string]ark.Settings{id: s}}
}

func TestProfileOf(t *testing.T) {
	t.Parallel()
	tests := []struct {
		id     string
		family ark.Family
		want   ark.Family // empty: not known
	}{
		{"doubao-seedream-5-0-pro-260628", "", ark.Seedream50Pro},
		{"dola-seedream-5-0-pro-260628", "", ark.Seedream50Pro},
		{"doubao-seedream-5-0-260128", "", ark.Seedream50},
		{"doubao-seedream-5-0-lite-260128", "", ark.Seedream50},
		{"doubao-seedream-4-5-251128", "", ark.Seedream45},
		{"seedream-4-5-251128", "", ark.Seedream45},
		{"doubao-seedream-4.0", "", ark.Seedream40},
		{"doubao-seedream-3-0-t2i-250415", "", ark.Seedream30},
		{"doubao-seededit-3-0-i2i-250628", "", ark.Seededit30},
		{"dreamina-seedance-2-5-260628", "", ark.Seedance25},
		{"doubao-seedance-2-0-260128", "", ark.Seedance20},
		{"doubao-seedance-2-0-fast-260128", "", ark.Seedance20Fast},
		{"doubao-seedance-2-0-mini-260615", "", ark.Seedance20Mini},
		{"doubao-seedance-1-5-pro-251215", "", ark.Seedance15Pro},
		{"doubao-seedance-1-0-pro-250528", "", ark.Seedance10Pro},
		{"doubao-seedance-1-0-pro-fast-251015", "", ark.Seedance10ProFast},
		{"doubao-seedance-1-0-lite-t2v-250428", "", ark.Seedance10LiteT2V},
		{"doubao-seedance-1-0-lite-i2v-250428", "", ark.Seedance10LiteI2V},
		{"ep-20260101-abcde", ark.Seedream45, ark.Seedream45},
		{"ep-20260101-abcde", "seedream-5-0-lite", ark.Seedream50},
		{"doubao-seedream-4-5-251128", ark.Seedream40, ark.Seedream40},
		{"ep-20260101-abcde", "", ""},
		{"doubao-seed-2-0-lite-260428", "", ""},
		{"doubao-seedream-4-0-turbo-270101", "", ""},
	}
	for _, tt := range tests {
		p, ok := ark.ProfileOf(tt.id, tt.family)
		if p.Family != tt.want || ok != (tt.want != "") {
			t.Errorf("%s as %q: got %q, %v", tt.id, tt.family, p.Family, ok)
		}
	}
}

// TestTablesMakeSense: every documented size has the shape that it is listed
// under, and the profiles agree with each other.
func TestTablesMakeSense(t *testing.T) {
	t.Parallel()
	for _, f := range ark.Families() {
		p, ok := ark.ProfileOf("", f)
		if !ok || p.Family != f {
			t.Fatalf("%s has no profile", f)
		}
		if p.Image.Tier != "" && p.Image.Tiers[p.Image.Tier] == nil {
			t.Errorf("%s: its default tier %q is no tier of it", f, p.Image.Tier)
		}
		for tier, sizes := range p.Image.Tiers {
			if len(sizes) != len(p.Ratios) {
				t.Errorf("%s %s: %d sizes for %d ratios", f, tier, len(sizes), len(p.Ratios))
			}
			for ratio, size := range sizes {
				var a, b, w, h float64
				if n, err := fmt.Sscanf(ratio+" "+size, "%f:%f %fx%f", &a, &b, &w, &h); n != 4 {
					t.Fatalf("%s %s: %q %q: %v", f, tier, ratio, size, err)
				}
				if off := w / h / (a / b); off < 0.98 || off > 1.02 {
					t.Errorf("%s %s: %s is not %s", f, tier, size, ratio)
				}
			}
		}
	}
}
