package demo

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/tintypehq/tintype/internal/app"
	"github.com/tintypehq/tintype/internal/config"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// service is a running Tintype.
type service struct {
	url    string
	client *tintype.Client
	stop   func() error // ends it and removes what it kept; the error that it ended with
}

// start runs the service on a free port, with media in a directory of its own
// that goes when it stops.
func start(ctx context.Context, o Options) (*service, error) {
	data, err := os.MkdirTemp("", "tintype-demo-")
	if err != nil {
		return nil, fmt.Errorf("the service cannot start: %w", err)
	}
	log, err := os.Create(filepath.Join(o.Out, logFile))
	if err != nil {
		_ = os.RemoveAll(data) // empty, and the other error matters more
		return nil, fmt.Errorf("the service cannot start: %w", err)
	}
	cleanUp := func() {
		_ = log.Close()
		_ = os.RemoveAll(data)
	}
	cfg, err := app.Settings(o.source(data))
	if err != nil {
		cleanUp()
		return nil, err
	}
	s, err := serve(ctx, app.Options{Config: cfg, Stderr: log, Version: o.Version}, o.credential())
	if err != nil {
		cleanUp()
		return nil, err
	}
	end := s.stop
	s.stop = func() error {
		defer cleanUp()
		return end()
	}
	return s, nil
}

// serve runs the service and waits until it takes calls.
func serve(ctx context.Context, o app.Options, key string) (*service, error) {
	ctx, cancel := context.WithCancel(ctx)
	ready, ended := make(chan string, 1), make(chan error, 1)
	o.Ready = func(addr string) { ready <- addr }
	go func() { ended <- app.Run(ctx, app.All, o) }()
	stop := func() error {
		cancel()
		return <-ended
	}
	select {
	case err := <-ended:
		cancel()
		return nil, fmt.Errorf("the service cannot start: %w", err)
	case addr := <-ready:
		base := "http://" + addr
		client, err := tintype.NewClient(base, tintype.WithKey(key), tintype.WithUserAgent("tintype-demo"))
		if err != nil {
			_ = stop()
			return nil, err
		}
		return &service{url: base, client: client, stop: stop}, nil
	}
}

// credential is what the calls are made with. Ark's key is handed through like
// any caller's own: then Ark's complaint about it is the caller's to read,
// where one about an account of a pool would be its operator's.
func (o Options) credential() string {
	if o.Upstream == Ark {
		return o.Key.Reveal()
	}
	return tintype.KeyPooled
}

// source gives the settings. The process's environment is left out: it may
// point to a real service, and a demo must not spend what nobody offered.
func (o Options) source(data string) config.Source {
	set := func(setting, value string) config.Flag {
		return config.Flag{Name: "tintype demo", Setting: setting, Value: value}
	}
	s := config.Source{Role: config.ForEmbedded, Flags: []config.Flag{
		set("server.addr", "127.0.0.1:0"), set("storage.file.dir", data), set("log.format", "text"),
	}}
	switch o.Upstream {
	case Sim: // is quick, so it is asked often
		s.Flags = append(s.Flags, set("video.poll.first", "1s"), set("video.poll.interval", "1s"), set("video.poll.growth", "1"))
	case Ark:
		s.Flags = append(s.Flags, set("upstreams[0].name", "ark"), set("upstreams[0].pass_through_max_in_flight", "3"))
		if o.BaseURL != "" {
			s.Flags = append(s.Flags, config.Flag{Name: "--base-url", Setting: "upstreams[0].base_url", Value: o.BaseURL})
		}
		if onThisMachine(o.BaseURL) { // such as `tintype sim`
			s.Flags = append(s.Flags, set("upstreams[0].allow_private", "true"))
		}
	}
	s.Flags = append(s.Flags, o.settings...)
	return s
}

func onThisMachine(base string) bool {
	u, err := url.Parse(base)
	return err == nil && config.Server{Addr: u.Host}.Loopback()
}
