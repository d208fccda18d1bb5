package app

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/config"
	"github.com/tintypehq/tintype/internal/fetch"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/ark"
	"github.com/tintypehq/tintype/internal/upstream/doubaoweb"
	"github.com/tintypehq/tintype/internal/upstream/openai"
	"github.com/tintypehq/tintype/internal/upstream/sim"
)

// services are the configured upstreams, ready to be called.
type services struct {
	registry *upstream.Registry
	byName   map[string]service
}

// service is one of them.
type service struct {
	config config.Upstream
	driver driver
	media  *fetch.Client
}

// openServices makes drivers and the model table.
func openServices(c *config.Config) (*services, error) {
	s := &services{byName: map[string]service{}}
	for _, u := range c.Upstreams {
		driver, err := openDriver(c, u)
		if err != nil {
			return nil, fmt.Errorf("upstream %s: %w", u.Name, err)
		}
		srv := service{config: u, driver: driver, media: mediaClient(c.Media, u)}
		s.byName[u.Name] = srv
	}
	models, err := modelTable(c)
	if err != nil {
		return nil, err
	}
	s.registry, err = upstream.NewRegistry(models)
	return s, err
}

// driver is one that holds connections.
type driver interface {
	upstream.Driver
	Close()
}

func openDriver(c *config.Config, u config.Upstream) (driver, error) {
	switch u.Driver {
	case config.OpenAIDriver:
		return openai.New(openaiConfig(c, u))
	case config.DoubaoWeb:
		return openWeb(c, u)
	case config.ArkDriver, config.SimDriver:
	}
	return ark.New(arkConfig(c, u))
}

// webProfile is the protocol that an upstream with the driver doubaoweb speaks.
func webProfile(u config.Upstream) (*doubaoweb.Profile, error) {
	var changes []byte
	if u.Profile != "" {
		var err error
		if changes, err = os.ReadFile(u.Profile); err != nil {
			return nil, fmt.Errorf("profile: %w", err)
		}
	}
	profile, err := doubaoweb.ParseProfile(changes)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	return profile, nil
}

func openWeb(c *config.Config, u config.Upstream) (driver, error) {
	profile, err := webProfile(u)
	if err != nil {
		return nil, err
	}
	extras := map[string]doubaoweb.Extras{}
	for _, a := range u.Accounts {
		extras[a.ID] = doubaoweb.Extras{Cookies: pairs(a.Cookies), Headers: pairs(a.Headers), Query: pairs(a.Query)}
	}
	return doubaoweb.New(doubaoweb.Config{
		Profile: profile, BaseURL: u.BaseURL, Extras: extras, ImageTimeout: c.Image.SubmitTimeout, VideoTimeout: c.Video.SubmitTimeout,
		StatusTimeout: c.Video.Poll.Timeout, ChatHeaderTimeout: c.Chat.HeaderTimeout, ChatIdleTimeout: c.Chat.IdleTimeout,
	})
}

// pairs reads texts "name=value".
func pairs(list []account.Secret) map[string]account.Secret {
	out := map[string]account.Secret{}
	for _, pair := range list {
		name, value, _ := strings.Cut(pair.Reveal(), "=")
		out[name] = account.NewSecret(value)
	}
	return out
}

func openaiConfig(c *config.Config, u config.Upstream) openai.Config {
	o := u.OpenAI
	out := openai.Config{
		BaseURL: u.BaseURL, ImageTimeout: c.Image.SubmitTimeout, VideoTimeout: c.Video.SubmitTimeout,
		StatusTimeout: c.Video.Poll.Timeout, ChatHeaderTimeout: c.Chat.HeaderTimeout, ChatIdleTimeout: c.Chat.IdleTimeout,
		Chat: o.Has(config.ChatEndpoint), Images: o.Has(config.ImagesEndpoint), Edits: o.Has(config.EditsEndpoint),
		Thumbnails: o.Thumbnails, ResponseFormat: string(o.ResponseFormat),
		Image: openai.Format{Ratios: config.Sizes(o.ImageSizes), MaxCount: o.MaxImages},
		Video: openai.Format{Ratios: config.Sizes(o.VideoSizes)},
	}
	switch {
	case o.Has(config.VideosEndpoint):
		out.Videos = openai.Videos
	case o.Has(config.NewAPIEndpoint):
		out.Videos = openai.NewAPI
	}
	return out
}

// Close ends idle connections.
func (s *services) Close() {
	for _, srv := range s.byName {
		srv.driver.Close()
		srv.media.Close()
	}
}

func arkConfig(c *config.Config, u config.Upstream) ark.Config {
	out := ark.Config{
		BaseURL: u.BaseURL, ImageTimeout: c.Image.SubmitTimeout, VideoTimeout: c.Video.SubmitTimeout,
		StatusTimeout: c.Video.Poll.Timeout, ChatHeaderTimeout: c.Chat.HeaderTimeout, ChatIdleTimeout: c.Chat.IdleTimeout,
		VisibilityLag: orNone(u.VisibilityLag),
		Families:      map[string]ark.Family{}, Settings: map[string]ark.Settings{},
	}
	for _, m := range c.Models {
		if m.Upstream != u.Name {
			continue
		}
		if m.Kind != config.ChatModel {
			out.Families[m.ID] = ark.Family(m.Family)
		}
		settings := ark.Settings{}
		switch m.Kind {
		case config.ImageModel:
			settings.Size = m.Resolution
		case config.VideoModel:
			settings.Resolution, settings.Seconds, settings.Audio = m.Resolution, int(m.Duration/time.Second), m.GenerateAudio
		case config.ChatModel:
		}
		if settings != (ark.Settings{}) {
			out.Settings[m.ID] = settings
		}
	}
	return out
}

// privateSpace is every address; see config.Upstream.AllowPrivate.
func privateSpace() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
}

func mediaClient(m config.Media, u config.Upstream) *fetch.Client {
	c := fetch.Config{
		AllowHTTP: true, // what a link of the upstream says; its bytes are checked
		MaxBytes:  int64(max(m.MaxImage, m.MaxVideo)), Timeout: m.FetchTimeout, IdleReadTimeout: m.StallTimeout,
	}
	if u.AllowPrivate {
		c.AllowPrivate = privateSpace()
	}
	return fetch.New(c)
}

// startSim starts the simulator of `tintype run` and points the upstreams that
// want it to it.
func startSim(ctx context.Context, c *config.Config, log *slog.Logger) (stop func(), err error) {
	simulator := sim.New(sim.Config{
		ImageTime: orNone(c.Sim.ImageTime), VideoTime: orNone(c.Sim.VideoTime), VisibilityLag: c.Sim.VisibilityLag, Log: log,
	})
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Sim.Addr)
	if err != nil {
		return nil, fmt.Errorf("sim.addr: %w", err)
	}
	srv := &http.Server{Handler: simulator, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = srv.Serve(ln) }() // ends with Close
	for i := range c.Upstreams {
		if c.Upstreams[i].Driver == config.SimDriver && c.Upstreams[i].BaseURL == "" {
			c.Upstreams[i].BaseURL = "http://" + ln.Addr().String() + "/api/v3"
			c.Upstreams[i].AllowPrivate = true
		}
	}
	return func() {
		_ = srv.Close()
		simulator.Close()
	}, nil
}
