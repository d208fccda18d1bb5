package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/tintypehq/tintype/internal/bench/stand"
	"github.com/tintypehq/tintype/pkg/tintype"
)

const (
	leastPut   = 0.9  // of the bare rate
	mostGrowth = 16.0 // MiB for each file at once
	atOnce     = 4    // files; as many as a worker mirrors by default
	bareFloor  = "bare streamed PutObject of the SDK, unsigned and unchecked"
)

// measureMirror compares the store's uploads with the SDK's, and looks whether
// memory depends on the size of files, in the store and in the worker.
func measureMirror(ctx context.Context, r *rig) ([]figure, error) {
	sv, err := r.newService(ctx, settings{poll: quickPoll}, stand.Simulator)
	if err != nil {
		return nil, err
	}
	defer sv.close()
	var out []figure
	for _, files := range []int{1, 4, 16} {
		rate, err := sv.putRates(ctx, files)
		if err != nil {
			return nil, err
		}
		out = append(out, rate)
	}
	for _, size := range r.effort.files {
		f, err := sv.putGrowth(ctx, size)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	worker, err := sv.workerGrowth(ctx)
	return append(out, worker), err
}

// putRates compares uploads of as many files at once.
func (s *service) putRates(ctx context.Context, files int) (figure, error) {
	const together = 256 // MiB
	size := int64(together / files)
	rates := map[stand.Uploader][]float64{}
	for round := range s.rig.effort.rounds {
		for _, by := range inTurn([]stand.Uploader{stand.OurStore, stand.BareSDK}, round) {
			p, err := s.put(ctx, by, size, files)
			if err != nil {
				return figure{}, err
			}
			rates[by] = append(rates[by], together/p.Seconds)
		}
	}
	return compare(fmt.Sprintf("%d at a time, of %d MiB each", files, size), mibPerSec, rates[stand.OurStore], rates[stand.BareSDK], bareFloor).aim(ratioAtLeast(leastPut)), nil
}

func (s *service) putGrowth(ctx context.Context, sizeMiB int64) (figure, error) {
	ours, err := s.put(ctx, stand.OurStore, sizeMiB, atOnce)
	if err != nil {
		return figure{}, err
	}
	bare, err := s.put(ctx, stand.BareSDK, sizeMiB, atOnce)
	if err != nil {
		return figure{}, err
	}
	name := fmt.Sprintf("memory for each of %d files of %d MiB at once", atOnce, sizeMiB)
	return figure{Name: name, Unit: mebibytes, Ours: mib(ours.Growth) / atOnce}.
		against(mib(bare.Growth)/atOnce, bareFloor).aim(atMost(mostGrowth)), nil
}

// put uploads in a process of its own, whose memory nothing else touches.
func (s *service) put(ctx context.Context, by stand.Uploader, sizeMiB int64, files int) (stand.PutResult, error) {
	var out stand.PutResult
	c := s.store()
	cmd := exec.CommandContext(ctx, s.rig.self, "stand", string(stand.Put), "-by", string(by),
		"-endpoint", c.Endpoint, "-bucket", c.Bucket, "-key", c.AccessKeyID, "-secret", c.SecretAccessKey,
		"-size", strconv.FormatInt(sizeMiB<<20, 10), "-at-once", strconv.Itoa(files), "-prefix", "put-"+string(by))
	cmd.Env = []string{}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return out, errors.Join(err, errors.New(stderr.String()))
	}
	return out, json.Unmarshal(stdout.Bytes(), &out)
}

// workerGrowth lets a worker mirror videos of 200 MB, several at once.
func (s *service) workerGrowth(ctx context.Context) (figure, error) {
	if _, err := s.startAPI(ctx); err != nil {
		return figure{}, err
	}
	if _, err := s.startWorker(ctx); err != nil {
		return figure{}, err
	}
	client, err := tintype.NewClient("http://"+s.apiAddr, tintype.WithKey(tintype.KeyPooled))
	if err != nil {
		return figure{}, err
	}
	before, err := s.worker.Usage()
	if err != nil {
		return figure{}, err
	}
	if err := films(ctx, client, "sim:size=200MB"); err != nil {
		return figure{}, err
	}
	after, err := s.worker.Usage()
	if err != nil {
		return figure{}, err
	}
	name := fmt.Sprintf("worker's memory for each of %d videos of 200 MB at once", atOnce)
	return figure{Name: name, Unit: mebibytes, Ours: mib(after.PeakBytes-before.RSSBytes) / atOnce}.aim(atMost(mostGrowth)), nil
}

// films makes videos at once.
func films(ctx context.Context, client *tintype.Client, tag string) error {
	group, ctx := errgroup.WithContext(ctx)
	for i := range atOnce {
		group.Go(func() error {
			_, err := client.Videos.Generate(ctx, tintype.VideoRequest{Prompt: fmt.Sprintf("film %d %s", i, tag)})
			return err
		})
	}
	return group.Wait()
}
