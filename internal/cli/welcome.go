package cli

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/tintypehq/tintype/internal/cli/terminal"
	"github.com/tintypehq/tintype/internal/config"
	"github.com/tintypehq/tintype/internal/version"
)

// welcome says what runs and how to try it.
func welcome(s terminal.Screen, c *config.Config, addr string) {
	base := baseURL(c, addr)
	key, whose := credential(c)
	s.Printf("%s is up. Ctrl-C ends it.\n\n", s.Paint(terminal.Bold, "Tintype "+version.OfBuild()))
	for _, fact := range [][2]string{
		{"API", base},
		{"key", whose},
		{"upstream", upstreams(c)},
		{"jobs", jobStore(c)},
		{"media", mediaStore(c)},
	} {
		s.Printf("  %s  %s\n", s.Paint(terminal.Dim, fmt.Sprintf("%-8s", fact[0])), fact[1])
	}
	s.Printf("\nTry it:\n\n")
	s.Printf("  curl %s/v1/images/generations \\\n", base)
	s.Printf("    -H 'Authorization: Bearer %s' -H 'Content-Type: application/json' \\\n", key)
	s.Printf("    -d '{\"prompt\":\"a lighthouse in the fog\"}'\n\n")
	s.Printf("The links in answers open in a browser, without a key, for %s.\n", days(c))
}

// baseURL is where callers reach the API.
func baseURL(c *config.Config, addr string) string {
	if c.Server.PublicURL != "" {
		return c.Server.PublicURL
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "http://" + addr
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		host = "127.0.0.1" // it listens everywhere, so also here
	}
	return "http://" + net.JoinHostPort(host, port)
}

// credential gives a key that works, or what stands for it, and says whose it is.
func credential(c *config.Config) (key, whose string) {
	switch {
	case c.PooledOpen() && c.Sim.Enabled:
		return "pooled", "pooled: no key of your own is needed"
	case c.PooledOpen():
		return "pooled", "pooled: everybody who reaches the API uses the configured accounts"
	case len(c.Auth.Keys) > 0:
		return "tt_…", fmt.Sprintf("one of the %d gateway keys in auth.keys", len(c.Auth.Keys))
	case c.Sim.Enabled:
		return "sim-me", "any that begins with sim-: the API is open to other machines, so \"pooled\" is off (auth.allow_pooled)"
	}
	return "YOUR-KEY", "your own at the upstream: the API is open to other machines, so \"pooled\" is off (auth.allow_pooled)"
}

// upstreams says who generates.
func upstreams(c *config.Config) string {
	var all []string
	for _, u := range c.Upstreams {
		switch u.Driver {
		case config.SimDriver:
			all = append(all, "the simulator: it draws landscapes, costs nothing and needs no key")
		case config.ArkDriver, config.OpenAIDriver, config.DoubaoWeb:
			all = append(all, fmt.Sprintf("%s at %s, %s", u.Name, u.BaseURL, count(len(u.Accounts), "account")))
		}
	}
	return strings.Join(all, "\n            ")
}

func jobStore(c *config.Config) string {
	if c.Redis.Embedded() {
		return "in memory: those that are not finished end with this program"
	}
	return "in Redis" // its address may be a secret's neighbour
}

func mediaStore(c *config.Config) string {
	if c.Storage.Driver == config.DiskStorage {
		return c.Storage.File.Dir
	}
	return "in the bucket " + c.Storage.S3.Bucket
}

// days says how long links work.
func days(c *config.Config) string {
	keep := c.Retention.Jobs
	if hours := int(keep.Hours()); hours%24 != 0 {
		return count(hours, "hour")
	}
	return count(int(keep.Hours())/24, "day")
}

// count puts a number before a word.
func count(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
