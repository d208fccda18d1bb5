package faults_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sim/faults"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for prompt, want := range map[string][]faults.Fault{
		"a cat":                       nil,
		"a cat sim:fail":              {{Name: faults.Fail, On: faults.Submit}},
		"sim:ready=95s.":              {{Name: faults.Ready, Value: "95s", On: faults.Submit}},
		"一只猫，sim:fail，卡通风格":           {{Name: faults.Fail, On: faults.Submit}},
		"(sim:429=3,times=2)":         {{Name: faults.TooMany, Value: "3", On: faults.Submit, Times: 2}},
		"sim:500,on=get,skip=1 x":     {{Name: faults.Internal, On: faults.Get, Skip: 1}},
		"sim:502,accepted, a cat":     {{Name: faults.Gateway, On: faults.Submit, Accepted: true}},
		"sim:409":                     {{Name: faults.Conflict, On: faults.Delete}},
		"sim:truncate=media":          {{Name: faults.Truncate, On: faults.Media}},
		"sim:truncate":                {{Name: faults.Truncate, On: faults.Submit}},
		"sim:notlength":               {{Name: faults.NoLength, On: faults.Media}},
		"sim:html sim:size=50MB":      {{Name: faults.HTML, On: faults.Media}, {Name: faults.Size, Value: "50MB", On: faults.Submit}},
		"see http://sim:8080/x":       nil,
		"my-sim:fail and esim:reject": nil,
		"sim: nothing":                nil,
	} {
		got, err := faults.Parse(prompt)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q: %v %v, want %v", prompt, got, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for prompt, want := range map[string]string{
		"sim:explode":           "no such fault",
		"sim:ready=soon":        "a time such as 95s",
		"sim:ready=-5s":         "", // the minus ends the tag: it has no value
		"sim:size=50":           "a size such as 50MB",
		"sim:size=9GB":          "a size such as 50MB",
		"sim:429=x":             "a number",
		"sim:500=1":             "no value",
		"sim:truncate=answer":   "takes media",
		"sim:500,time=2":        "no such option",
		"sim:500,times=0":       "a number from 1",
		"sim:500,on=everywhere": "cannot happen on",
		"sim:stall,on=get":      "cannot happen on",
		"sim:409,on=submit":     "cannot happen on",
	} {
		_, err := faults.Parse(prompt)
		if (err != nil) != (want != "") || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", prompt, err, want)
		}
	}
}

func TestEveryNameIsExplained(t *testing.T) {
	t.Parallel()
	for _, name := range faults.Names() {
		if faults.About(name) == "" {
			t.Errorf("%s has no words", name)
		}
		if _, err := faults.Parse("sim:" + name); err != nil {
			t.Error(err)
		}
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	if d := (faults.Fault{}).Duration(time.Second); d != time.Second {
		t.Error(d)
	}
	if d := (faults.Fault{Value: "1.5s"}).Duration(0); d != 1500*time.Millisecond {
		t.Error(d)
	}
	if n := (faults.Fault{Value: "7"}).Int(1); n != 7 {
		t.Error(n)
	}
	if n := (faults.Fault{Value: "50MB"}).SizeBytes(); n != 50<<20 {
		t.Error(n)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"a sim:429=3,times=2 b", "sim:ready=95s", "一sim:size=5GB,on=create,accepted"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, prompt string) {
		got, err := faults.Parse(prompt)
		if err != nil && got != nil {
			t.Errorf("faults beside an error: %v", got)
		}
		for _, g := range got {
			if faults.About(string(g.Name)) == "" || g.On == "" {
				t.Errorf("%+v", g)
			}
		}
	})
}
