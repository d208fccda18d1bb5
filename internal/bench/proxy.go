package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/tintypehq/tintype/internal/bench/stand"
	"github.com/tintypehq/tintype/internal/bench/wire"
	"github.com/tintypehq/tintype/internal/blob/s3blob"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/pkg/tintype"
)

const (
	leastProxy = 0.8  // of the floor's rate
	mostHeld   = 16.0 // MiB, whatever the size of the files
	proxyConns = 4
	contentIs  = "a bare http.ServeContent of a file with the same bytes"
)

// measureProxy compares the delivery of a film through the API, from each kind of
// store, with a bare server of the same bytes.
func measureProxy(ctx context.Context, r *rig) ([]figure, error) {
	var out []figure
	for _, files := range []bool{true, false} {
		figures, err := r.proxyRates(ctx, files)
		if err != nil {
			return nil, err
		}
		out = append(out, figures...)
	}
	return out, nil
}

// proxyRates measures one kind of store: a directory, or else the S3 server.
func (r *rig) proxyRates(ctx context.Context, files bool) ([]figure, error) {
	sv, err := r.newService(ctx, settings{poll: quickPoll, files: files}, stand.Simulator)
	if err != nil {
		return nil, err
	}
	defer sv.close()
	id, link, err := sv.film(ctx)
	if err != nil {
		return nil, err
	}
	ours := contender{addr: sv.apiAddr, request: wire.NewRequest(http.MethodGet, link, sv.apiAddr, ""), process: sv.api}
	floor, err := sv.bareContent(ctx, &ours)
	if err != nil {
		return nil, err
	}
	all := []*contender{&ours, floor}
	if !files {
		direct, err := sv.presigned(ctx, id, ours.size)
		if err != nil {
			return nil, err
		}
		all = append(all, direct)
	}
	before, err := sv.api.Usage()
	if err != nil {
		return nil, err
	}
	if err := sv.api.ResetPeak(); err != nil {
		return nil, err
	}
	rates, err := r.playContent(ctx, all)
	if err != nil {
		return nil, err
	}
	after, err := sv.api.Usage()
	if err != nil {
		return nil, err
	}
	return r.proxyFigures(all, rates, after.PeakBytes-before.RSSBytes), nil
}

// proxyFigures are those of ours, the floor and, if there is one, the S3 server
// itself. Where that is at work beside ours, on the same processors, ServeContent of
// a file is no floor: each byte is moved by two.
func (r *rig) proxyFigures(all []*contender, rates map[*contender][]float64, growth int64) []figure {
	ours, floor := rates[all[0]], rates[all[1]]
	film := fmt.Sprintf("a film of %d MB on %d connections", r.effort.film, proxyConns)
	name := "from a directory"
	rate := compare(name, mibPerSec, ours, floor, contentIs).aim(ratioAtLeast(leastProxy))
	rate.Note = film
	if len(all) > 2 {
		name = "from versitygw"
		rate = compare(name, mibPerSec, ours, rates[all[2]], "straight from versitygw")
		rate.Note = fmt.Sprintf("%s; %s %s MiB/s", film, contentIs, number(median(floor)))
	}
	return []figure{
		rate,
		figure{Name: name + ", growth of the API's memory", Unit: mebibytes, Ours: mib(growth)}.aim(atMost(mostHeld)),
	}
}

// presigned is the S3 server itself.
func (s *service) presigned(ctx context.Context, id string, size int64) (*contender, error) {
	jobs := s.newLives()
	defer jobs.close()
	j, err := jobs.store.Get(ctx, job.ID(id))
	if err != nil {
		return nil, err
	}
	store, err := s3blob.New(ctx, s.store())
	if err != nil {
		return nil, err
	}
	defer store.Close()
	film := j.Primaries()[0]
	link, err := store.Presign(ctx, film.Key, film.Name, time.Hour)
	if err != nil {
		return nil, err
	}
	at, err := url.Parse(link)
	if err != nil {
		return nil, err
	}
	return &contender{addr: at.Host, request: wire.NewRequest(http.MethodGet, at.RequestURI(), at.Host, ""), size: size}, nil
}

// film has a video made and gives its job and the path of its link. The worker's
// work is over then.
func (s *service) film(ctx context.Context) (id, path string, err error) {
	if _, err := s.startAPI(ctx); err != nil {
		return "", "", err
	}
	if _, err := s.startWorker(ctx); err != nil {
		return "", "", err
	}
	client, err := tintype.NewClient("http://"+s.apiAddr, tintype.WithKey(tintype.KeyPooled))
	if err != nil {
		return "", "", err
	}
	made, err := client.Videos.Generate(ctx, tintype.VideoRequest{Prompt: fmt.Sprintf("a film sim:size=%dMB", s.rig.effort.film)})
	if err != nil {
		return "", "", err
	}
	if len(made.Data) == 0 {
		return "", "", fmt.Errorf("the job %s has no film", made.ID)
	}
	link, err := url.Parse(made.Data[0].URL)
	if err != nil {
		return "", "", err
	}
	return made.ID, link.EscapedPath(), nil
}

// bareContent serves what ours answers.
func (s *service) bareContent(ctx context.Context, ours *contender) (*contender, error) {
	status, film, err := wire.Exchange(ctx, ours.addr, ours.request)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("the film was answered %d %.300s", status, film)
	}
	if err != nil {
		return nil, err
	}
	ours.size = int64(len(film))
	dir, err := os.MkdirTemp(s.rig.dir, "film-")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "film.mp4")
	if err := os.WriteFile(file, film, 0o600); err != nil {
		return nil, err
	}
	p, addr, err := s.rig.stand(ctx, stand.Content, "-file", file)
	if err != nil {
		return nil, err
	}
	s.onClose(p.Kill)
	return &contender{addr: addr, request: wire.NewRequest(http.MethodGet, "/film.mp4", addr, ""), process: p, size: ours.size}, nil
}

// playContent lets all take turns, after a round that only warms up, and gives
// their rates in MiB a second.
func (r *rig) playContent(ctx context.Context, all []*contender) (map[*contender][]float64, error) {
	out := map[*contender][]float64{}
	for round := range r.effort.rounds + 1 {
		for _, one := range inTurn(all, round) {
			t, err := one.run(ctx, proxyConns, r.effort.window, "")
			if err != nil {
				return nil, err
			}
			if round > 0 {
				out[one] = append(out[one], t.rate*mib(one.size))
			}
		}
	}
	return out, nil
}
