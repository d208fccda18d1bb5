package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/job"
)

func TestQuantile(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		v    []float64
		q    float64
		want float64
	}{
		{[]float64{3, 1, 2}, 0.5, 2},
		{[]float64{4, 1, 2, 3}, 0.5, 2.5},
		{[]float64{7}, 0.99, 7},
		{[]float64{0, 10}, 0.25, 2.5},
		{[]float64{1, 2, 3, 4, 5}, 1, 5},
		{[]float64{1, 2, 3, 4, 5}, 0, 1},
	} {
		if got := quantile(tt.v, tt.q); got != tt.want {
			t.Errorf("quantile(%v, %v) = %v, want %v", tt.v, tt.q, got, tt.want)
		}
	}
	if !math.IsNaN(median(nil)) {
		t.Error("nothing has a median")
	}
	v := []float64{3, 1, 2}
	if median(v); v[0] != 3 {
		t.Error("median has sorted its argument")
	}
}

func TestCompareTakesTheMedianOfRatios(t *testing.T) {
	t.Parallel()
	// In the last round the machine was busy for both.
	f := compare("x", perSecond, []float64{60, 70, 6}, []float64{100, 100, 10}, "floor").aim(ratioAtLeast(0.6))
	if f.Ours != 60 || *f.Floor != 100 || *f.Ratio != 0.6 || !*f.Met {
		t.Errorf("got %+v, ratio %v", f, *f.Ratio)
	}
}

func TestAim(t *testing.T) {
	t.Parallel()
	of := func(ours, floor float64) figure { return figure{Ours: ours}.against(floor, "floor") }
	for _, tt := range []struct {
		name string
		f    figure
		t    *target
		met  bool
	}{
		{"below", of(39, 20), atMost(40), true},
		{"at", of(40, 20), atMost(40), true},
		{"above", of(41, 20), atMost(40), false},
		{"ratio above", of(3, 1), ratioAtMost(2), false},
		{"ratio below", of(1, 1), ratioAtMost(2), true},
		{"rate too low", of(5, 10), ratioAtLeast(0.6), false},
		{"rate", of(7, 10), ratioAtLeast(0.6), true},
		{"no floor", figure{Ours: 1}, atMost(2), true},
	} {
		f := tt.f.aim(tt.t)
		if f.Met == nil || *f.Met != tt.met {
			t.Errorf("%s: met %v, want %v", tt.name, f.Met, tt.met)
		}
	}
	if f := (figure{Ours: 1}).aim(ratioAtLeast(1)); f.Met != nil {
		t.Error("a ratio to nothing meets something")
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	r := &report{Go: "go1", CPUs: 2, Load: "0.1 0.2 0.3", Took: "1s", Scenarios: []outcome{{
		Name: "chat", About: "what", Target: "words", Figures: []figure{
			compare("rate", perSecond, []float64{50}, []float64{100}, "bare").aim(ratioAtLeast(0.6)),
			figure{Name: "memory", Unit: mebibytes, Ours: 12.34}.aim(atMost(40)),
			{Name: "plain", Unit: millis, Ours: 0.5, Note: "said"},
		},
	}}}
	var b strings.Builder
	r.write(&b)
	for _, want := range []string{
		"chat: what", "target: words", "50.0 /s", "100 /s", "0.50", "ratio ≥ 0.6", "MISSED", "floor: bare",
		"12.3 MiB", "≤ 40", "met", "0.50 ms", "said", "1 of 2 targets met.", "missed: chat, rate",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
	file := filepath.Join(t.TempDir(), "figures.json")
	if err := r.save(file); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var back report
	if err := json.Unmarshal(raw, &back); err != nil || *back.Scenarios[0].Figures[0].Ratio != 0.5 || *back.Scenarios[0].Figures[0].Met {
		t.Errorf("%v %s", err, raw)
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	all, err := choose(scenarios(), nil)
	if err != nil || len(all) < 9 {
		t.Errorf("%d scenarios, %v", len(all), err)
	}
	some, err := choose(scenarios(), []string{"submit", "chat"})
	if err != nil || strings.Join(names(some), ",") != "chat,submit" {
		t.Errorf("got %v, %v", names(some), err)
	}
	if _, err := choose(scenarios(), []string{"chatt"}); err == nil || !strings.Contains(err.Error(), "chunks") {
		t.Errorf("an unknown scenario: %v", err)
	}
}

func TestScenariosAreComplete(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range scenarios() {
		if s.name == "" || s.about == "" || s.target == "" || s.run == nil || seen[s.name] {
			t.Errorf("%+v", s)
		}
		seen[s.name] = true
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	o, err := parse([]string{"-short", "-only", "chat,idle", "-rounds", "9"}, io.Discard)
	if err != nil || !o.short || len(o.only) != 2 || o.effort().rounds != 9 {
		t.Errorf("%+v %v", o, err)
	}
	if _, err := parse([]string{"chat"}, io.Discard); err == nil {
		t.Error("a word without a flag was taken")
	}
}

func TestSumMetrics(t *testing.T) {
	t.Parallel()
	m := sumMetrics(`# HELP tintype_polls_total Status calls.
# TYPE tintype_polls_total counter
tintype_polls_total{upstream="ark",answer="working"} 1500
tintype_polls_total{upstream="ark",answer="a } b"} 2.5e+02
tintype_jobs_polled 5000
rubbish
`)
	if m["tintype_polls_total"] != 1750 || m["tintype_jobs_polled"] != 5000 || len(m) != 2 {
		t.Errorf("got %v", m)
	}
}

func TestPollingFigures(t *testing.T) {
	t.Parallel()
	list := pollingFigures(3000, span{redis: 1, memory: 20 << 20}, span{redis: 5.1, memory: 100 << 20, polls: 500})
	byName := map[string]figure{}
	for _, f := range list {
		byName[f.Name] = f
	}
	if f := byName["Redis, of a core"]; *f.Met || f.Ratio != nil {
		t.Errorf("%+v", f)
	}
	if f := byName["worker, memory"]; !*f.Met || f.Ours != 100 {
		t.Errorf("%+v", f)
	}
	// 500 a second for 3,000 videos is one question each 6 s.
	if f := byName["questions"]; *f.Floor != 1000 || !strings.Contains(f.Note, "3000 ms late") {
		t.Errorf("%+v", f)
	}
}

func TestTurnsTakeTurns(t *testing.T) {
	t.Parallel()
	var c contest
	first := map[*contender]int{}
	for round := range 6 {
		list := c.all(round)
		if len(list) != 3 || list[0] == list[1] || list[1] == list[2] || list[0] == list[2] {
			t.Fatalf("round %d: %v", round, list)
		}
		first[list[0]]++
	}
	if len(first) != 3 || first[&c.ours] != 2 {
		t.Errorf("who begins: %v", first)
	}
}

func TestReadyFigures(t *testing.T) {
	t.Parallel()
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	clips := []clip{{ready: at(0), seen: at(400), first: at(430), last: at(450), answered: at(460)}}
	list := readyFigures(clips, []float64{20})
	if f := list[0]; f.Ours != 460 || !*f.Met {
		t.Errorf("%+v", f)
	}
	if f := list[2]; f.Ours != 60 || *f.Floor != 20 || f.Target.Value != 70 || !*f.Met {
		t.Errorf("%+v", f)
	}
}

func TestStreamsAreHeldAgainstTheirLog(t *testing.T) {
	t.Parallel()
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	log := []job.Event{{Seq: 1, Type: job.EventQueued}, {Seq: 2, Type: job.EventSubmitted}, {Seq: 3, Type: job.EventSucceeded}}
	writes := []write{{done: at(100)}, {done: at(200)}}
	read := func(seqs ...int64) heard {
		var h heard
		for _, seq := range seqs {
			h.read = append(h.read, reading{seq, string(log[min(seq, 3)-1].Type), at(int(seq) * 100), 50})
		}
		return h
	}
	for _, tt := range []struct {
		name   string
		h      heard
		wrong  int
		delays int
	}{
		{"whole", read(1, 2, 3), 0, 2},
		{"its end is missing", read(1, 2), 1, 1},
		{"one is missing", read(1, 3), 2, 0},
		{"one comes twice", read(1, 2, 2, 3), 2, 1},
		{"too much", read(1, 2, 3, 4), 1, 2},
		{"nothing", heard{err: io.EOF}, 3, 0},
	} {
		var out told
		out.add(log, writes, tt.h)
		if out.wrong != tt.wrong || len(out.delays) != tt.delays || out.broken == 1 != (tt.h.err != nil) {
			t.Errorf("%s: %+v", tt.name, out)
		}
	}
	var out told
	out.add(log, writes, read(1, 2, 3))
	if out.delays[1] != 100 || out.rate() != 10 { // two events in 200 ms, from the first on disk to the last read
		t.Errorf("%+v, %v a second", out, out.rate())
	}
	if out.size() != 50 {
		t.Errorf("an event has %d bytes, want 50", out.size())
	}
}

func TestFanoutFigures(t *testing.T) {
	t.Parallel()
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	in := func(ms int) *told { // one event, which took so long
		out := &told{streams: 1}
		out.delivered(at(0), reading{at: at(ms), bytes: 700})
		return out
	}
	broken := in(100)
	broken.broken, broken.wrong, broken.why = 1, 2, io.EOF
	byName := map[string]figure{}
	for _, f := range fanoutFigures([]*told{in(100), broken}, []*told{in(50), in(50)}, []*told{in(1), in(1)}, "all") {
		byName[f.Name] = f
	}
	if f := byName["events delivered"]; *f.Met || f.Ours != 10 || *f.Ratio != 0.5 || !strings.Contains(f.Note, "700 bytes") || !strings.Contains(f.Note, "delivers 1000/s") {
		t.Errorf("%+v", f)
	}
	if f := byName["events lost, doubled or out of order"]; *f.Met || f.Ours != 2 || f.Note != "1 of 2 streams broke, one so: EOF" {
		t.Errorf("%+v", f)
	}
	if f := byName["the same, p99"]; f.Ours != 100 || *f.Floor != 50 {
		t.Errorf("%+v", f)
	}
}

func TestOpenFigures(t *testing.T) {
	t.Parallel()
	of := func(rate, p50, p99 float64) *door {
		return &door{rates: []float64{rate}, p50: []float64{p50}, p99: []float64{p99}, api: []float64{100}}
	}
	byName := map[string]figure{}
	for _, f := range openFigures(of(480, 2, 11), of(490, 1, 2), of(500, 0.5, 1), 900) {
		byName[f.Name] = f
	}
	if f := byName["rate"]; f.Ours != 480 || *f.Floor != 500 || *f.Ratio != 0.96 || f.Target != nil || !strings.Contains(f.Note, "asked for 500 a second, 900 jobs") {
		t.Errorf("%+v", f)
	}
	if f := byName["answer, p99"]; *f.Floor != 2 || f.Target.Value != 11 || !*f.Met || !strings.Contains(f.Note, "in memory 1.00 ms") {
		t.Errorf("%+v", f)
	}
}

func TestTogetherDoesAllOfIt(t *testing.T) {
	t.Parallel()
	var done [admitters]int
	rate, err := together(t.Context(), 3, func(_ context.Context, who int) error {
		done[who]++
		return nil
	})
	if err != nil || rate <= 0 {
		t.Errorf("%v a second, %v", rate, err)
	}
	for who, n := range done {
		if n != 3 {
			t.Errorf("number %d did it %d times, want 3", who, n)
		}
	}
	if _, err := together(t.Context(), 3, func(context.Context, int) error { return errNobody }); !errors.Is(err, errNobody) {
		t.Errorf("got %v", err)
	}
}

func TestWaitFigures(t *testing.T) {
	t.Parallel()
	at := func(done ...float64) delays { return delays{done: done, asked: []float64{done[0] + 1}} }
	ours := &waited{each: 50, alone: at(1, 2), usual: at(3), full: at(4), answered: 9}
	floor := &waited{each: 20, alone: at(1), usual: at(1), full: at(1)}
	list := waitFigures(waitMode{name: "x", each: mostWaiter, posts: true}, ours, floor, 10, "10 at once")
	for i, met := range []bool{false, false, true, false, true} {
		if list[i].Met == nil || *list[i].Met != met {
			t.Errorf("%+v", list[i])
		}
	}
	for i, want := range map[int]float64{2: 3, 3: 4} {
		if f := list[i]; *f.Ratio != want || !strings.Contains(f.Note, number(want+1)+" ms") {
			t.Errorf("%+v", f)
		}
	}
}

func TestMarkdown(t *testing.T) {
	t.Parallel()
	r := report{At: time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC), Go: "go1", CPUs: 2, Load: "0", Took: "1s", Scenarios: []outcome{{
		Name: "chat", About: "many", Target: "fast", Figures: []figure{figure{Name: "answers", Unit: perSecond, Ours: 5}.against(10, "a proxy").aim(ratioAtLeast(0.6))},
	}}}
	got := r.markdown()
	for _, want := range []string{
		"go1 on 2026-11-27, 2 CPUs", "\n**chat**: many. Target: fast.\n\n| figure | ours | floor | ratio | target | result | note |\n| --- | ---: |",
		"\n| answers | 5.00 /s | 10.0 /s | 0.50 | ratio ≥ 0.6 | MISSED | floor: a proxy |\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing from\n%s", want, got)
		}
	}
}
