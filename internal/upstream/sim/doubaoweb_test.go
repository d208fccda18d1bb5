package sim_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sim"
	"github.com/tintypehq/tintype/internal/upstream/sim/accounts"
)

const (
	webQuery   = "?aid=497858&device_platform=web&web_tab_id=t"
	webNumeric = "/doubaoweb/samantha/chat/completion" + webQuery
	webNamed   = "/doubaoweb/chat/completion" + webQuery
	webHistory = "/doubaoweb/im/chain/single" + webQuery
	webCookie  = "sessionid=sim-web; sessionid_ss=sim-web"
)

// webAsk is a request of dialect A for a type of content.
func webAsk(contentType, skill int, text string) string {
	return jsonOf(obj{
		"messages":          []obj{{"content": jsonOf(obj{"text": text}), "content_type": contentType, "attachments": []obj{}}},
		"completion_option": obj{"need_create_conversation": true, "action_bar_skill_id": skill},
		"conversation_id":   "0", "local_conversation_id": "local_1234567890123456", "local_message_id": "l1",
	})
}

// webFrames are the numbers of the events of a stream, and the decoded data.
func webFrames(t *testing.T, a answer) (events []int, data []obj) {
	t.Helper()
	lines := bufio.NewScanner(strings.NewReader(string(a.body)))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var f struct {
			Data string `json:"event_data"`
			Type int    `json:"event_type"`
		}
		var inner obj
		if json.Unmarshal([]byte(line), &f) != nil || json.Unmarshal([]byte(f.Data), &inner) != nil {
			t.Fatalf("no frame: %s", line)
		}
		events, data = append(events, f.Type), append(data, inner)
	}
	return events, data
}

// TestWebImage: first the acceptance, then placeholders, then the same with links,
// the end; and the ledger knows whose session it was.
func TestWebImage(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	a := k.must(200, "POST", webNumeric, webAsk(2009, 3, "a cat"), "Cookie", webCookie)
	events, data := webFrames(t, a)
	if fmt.Sprint(events) != "[2002 2001 2001 2001 2001 2003]" {
		t.Fatalf("the events are %v", events)
	}
	if data[0]["conversation_id"] == "" || data[0]["local_message_id"] != "l1" {
		t.Errorf("accepted with %v", data[0])
	}
	link := func(i int) string {
		message, _ := data[i]["message"].(obj)
		var content struct {
			Creations []struct {
				Image struct {
					Ori struct{ URL string } `json:"image_ori"`
				}
			}
		}
		text, _ := message["content"].(string)
		if err := json.Unmarshal([]byte(text), &content); err != nil {
			t.Fatal(err)
		}
		return content.Creations[0].Image.Ori.URL
	}
	if link(1) != "" || link(2) == "" || link(2) != link(3) {
		t.Errorf("the links are %q, %q, %q", link(1), link(2), link(3))
	}
	if got := k.must(200, "GET", link(2), ""); !strings.HasPrefix(got.header.Get("Content-Type"), "image/") {
		t.Errorf("the media is %v", got.header)
	}
	l := k.sim.Ledger()
	if s := l.Submissions[0]; len(l.Submissions) != 1 || s.Kind != "image" || s.KeyHash != accounts.Hash("sim-web") || s.MediaReads != 1 || !s.Charged || s.TaskID != data[0]["conversation_id"] {
		t.Errorf("%+v", l.Submissions)
	}
}

// TestWebVideo is seen in the history of its own session alone, and counts as in
// flight until it is made.
func TestWebVideo(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	_, data := webFrames(t, k.must(200, "POST", webNumeric, webAsk(2020, 17, "a cat"), "Cookie", webCookie))
	pull := jsonOf(obj{"cmd": 3100, "sequence_id": "s", "uplink_body": obj{"pull_singe_chain_uplink_body": obj{"conversation_id": data[0]["conversation_id"], "limit": 20}}})
	ask := func(cookie string) string {
		return string(k.must(200, "POST", webHistory, pull, "Cookie", cookie).body)
	}
	if got := ask(webCookie); strings.Contains(got, "download_url") || !strings.Contains(got, `\"text\":\"a cat\"`) {
		t.Errorf("while it is made: %s", got)
	}
	if n := k.sim.Ledger().Accounts[0].InFlight; n != 1 {
		t.Errorf("%d in flight", n)
	}
	k.clock.Advance(time.Minute)
	if got := ask(webCookie); !strings.Contains(got, "download_url") || !strings.Contains(got, "inner_user_ip") {
		t.Errorf("when it is made: %s", got)
	}
	if got := ask("sessionid=sim-other"); !strings.Contains(got, "not exist") {
		t.Errorf("another session sees %s", got)
	}
	l := k.sim.Ledger()
	if s := l.Submissions[0]; s.Polls != 2 || l.Totals.Polls != 2 || l.Accounts[0].InFlight != 0 {
		t.Errorf("%+v, %+v", s, l.Accounts)
	}
}

// TestWebIsStrict: what no browser sends is refused and never charged.
func TestWebIsStrict(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	good := webAsk(2001, 0, "hello")
	for name, r := range map[string]struct{ url, body, cookie string }{
		"no session":      {webNumeric, good, "other=1"},
		"dead session":    {webNumeric, good, "sessionid=dead"},
		"limited session": {webNumeric, good, "sessionid=" + accounts.LimitedKey},
		"no app id":       {"/doubaoweb/samantha/chat/completion", good, webCookie},
		"wrong skill":     {webNumeric, webAsk(2009, 17, "a cat"), webCookie},
		"unknown type":    {webNumeric, webAsk(7, 0, "a cat"), webCookie},
		"no text":         {webNumeric, webAsk(2001, 0, ""), webCookie},
		"unknown tag":     {webNumeric, webAsk(2001, 0, "sim:nope"), webCookie},
		"no JSON":         {webNumeric, "{", webCookie},
		"other dialect":   {webNamed, good, webCookie},
		"no file":         {webNumeric, strings.Replace(webAsk(2009, 3, "a cat"), `"attachments":[]`, `"attachments":[{"type":"image","key":"k","identifier":"i"}]`, 1), webCookie},
	} {
		if a := k.must(200, "POST", r.url, r.body, "Cookie", r.cookie); strings.Contains(string(a.body), "2002") && strings.Contains(string(a.body), "2003") {
			t.Errorf("%s: answered %s", name, clip(a.body))
		}
	}
	if n := k.sim.Ledger().Totals; n.Charged != 0 || n.Accepted != 0 {
		t.Errorf("%+v", n)
	}
	k.must(403, "GET", "/doubaoweb/top/v1/?Action=ApplyImageUpload&Version=2018-08-01&ServiceId=simservice", "")
	k.must(403, "POST", "/upload/v1/tos-cn-i-sim/1.png", "x")
	k.must(404, "GET", "/doubaoweb/nothing", "")
}

// TestWebHeartbeats: for a minute nothing comes but heartbeats.
func TestWebHeartbeats(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *sim.Config) { c.ChatChunkDelay = -1 })
	done := make(chan answer, 1)
	go func() {
		a, err := k.do(t.Context(), "POST", webNumeric, webAsk(2001, 0, "hello sim:web-heartbeat"), "Cookie", webCookie)
		if err != nil {
			t.Error(err)
		}
		done <- a
	}()
	for range 4 {
		if err := k.clock.AwaitTimers(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		k.clock.Advance(15 * time.Second)
	}
	events, _ := webFrames(t, <-done)
	if fmt.Sprint(events[:5]) != "[2002 1 1 1 1]" || events[len(events)-1] != 2003 {
		t.Errorf("the events are %v", events)
	}
}
