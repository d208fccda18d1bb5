package faults

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Name names a fault.
type Name string

// The faults. Those of the first group can hit any operation (on=…), by
// default the submission. The second group is about the result of a
// submission, the third about a task that is asked for, the last about a media
// link.
const (
	TooMany  Name = "429"      // 429; a value is the seconds of Retry-After, else there is none
	Internal Name = "500"      // 500
	Gateway  Name = "502"      // 502 with an HTML body, as proxies answer
	Quota    Name = "quota"    // 429 QuotaExceeded
	Overdue  Name = "overdue"  // 403 AccountOverdueError
	DeadKey  Name = "deadkey"  // 401
	Conflict Name = "409"      // on=delete only: 409 InvalidAction.RunningTaskDeletion
	Echo     Name = "echo"     // 400 with a message that quotes the credential
	Redirect Name = "redirect" // 307 to the same route, where the request then succeeds
	Slow     Name = "slow"     // waits (2s) and goes on
	Drop     Name = "drop"     // carries the request out, then closes the connection
	Hang     Name = "hang"     // carries the request out, then says nothing (10m)
	Truncate Name = "truncate" // carries the request out, sends half of the answer; =media for the media
	Empty    Name = "empty"    // carries the request out, answers 200 with no body
	HTML     Name = "html"     // 200 with an HTML page; by default on media

	Reject   Name = "reject"   // 400 for content policy, nothing created
	Ready    Name = "ready"    // time until it is ready
	Queued   Name = "queued"   // videos: it stays queued for that time (5s) before it runs
	Fail     Name = "fail"     // accepted, then refused for its content; for images a value is the index that fails
	Broken   Name = "broken"   // accepted, then fails with InternalServiceError
	TopLevel Name = "toplevel" // images: 200 with an error at the top level
	Size     Name = "size"     // media of that size, such as 50MB
	Chunks   Name = "chunks"   // chat: an answer of that many words
	SSEError Name = "sse-error"
	SSEEOF   Name = "sse-eof"

	Unknown Name = "unknown" // a status that nobody documented, for a time (3s) after it starts
	Lost    Name = "lost"    // 404, from a time (0s) after its creation
	Expired Name = "expired" // the first link is no longer valid; an image has only one link

	Stall    Name = "stall"    // stops midway and keeps the connection
	NoLength Name = "nolength" // no Content-Length, no Range
)

// The faults of Doubao's web protocol, which no other one plays.
const (
	WebBlock     Name = "web-block"     // an error frame, 710022002: too often
	WebRisk      Name = "web-risk"      // an error frame, 710022004: a human is wanted
	WebStrange   Name = "web-strange"   // an error frame with a code that nobody knows
	WebWAF       Name = "web-waf"       // 403 with an HTML page
	WebJSON      Name = "web-json"      // JSON with a code in place of the stream
	WebNoAck     Name = "web-noack"     // a stream without the frame that accepts
	WebNoEnd     Name = "web-noend"     // a whole answer without the last frame
	WebUnknown   Name = "web-unknown"   // events and types of content that nobody knows in between
	WebOneWrite  Name = "web-onewrite"  // all frames in one write
	WebSplit     Name = "web-split"     // one byte a write
	WebHeartbeat Name = "web-heartbeat" // heartbeats alone for a time (60s), then the answer
	WebCount     Name = "web-count"     // so many images
	WebLate      Name = "web-late"      // images are not in the stream, only in the history
	WebOld       Name = "web-old"       // images in the older form
	WebAfter     Name = "web-after"     // an error frame behind the acceptance, nothing is made
	WebTask      Name = "web-task"      // a video's stream names a task with a stream of its own
	WebNoLink    Name = "web-nolink"    // a finished video has no link for a time (5s)
	WebForeign   Name = "web-foreign"   // the history holds another job's creation, too
	WebCode      Name = "web-code"      // the history answers with a code that nobody knows
	WebPaywall   Name = "web-paywall"   // the history asks to pay
	WebRefusal   Name = "web-refusal"   // the history has a refusal in words, and no creation
	WebDenied    Name = "web-denied"    // an upload is not prepared
	WebCRC       Name = "web-crc"       // an upload's checksum is said to be wrong
	WebURI       Name = "web-uri"       // an upload is not committed
)

// takes says what kind of value a fault has.
type takes string

const (
	takesNothing takes = "no value"
	takesTime    takes = "a time such as 95s"
	takesNumber  takes = "a number"
	takesSize    takes = "a size such as 50MB"
	takesMedia   takes = "media"
)

func (t takes) check(value string) error {
	ok := false
	switch t {
	case takesNothing:
	case takesTime:
		d, err := time.ParseDuration(value)
		ok = err == nil && d >= 0
	case takesNumber:
		n, err := strconv.Atoi(value)
		ok = err == nil && n >= 0
	case takesSize:
		_, err := parseSize(value)
		ok = err == nil
	case takesMedia:
		ok = value == string(Media)
	}
	if !ok {
		return fmt.Errorf("%q does not fit: it takes %s", value, t)
	}
	return nil
}

type definition struct {
	on    Op // the natural operation
	can   []Op
	value takes
	about string // for the help page
}

var (
	anyOp   = []Op{Submit, Create, Chat, Get, List, Delete, Media, Upload}
	submits = []Op{Submit, Create, Chat}
	creates = []Op{Submit, Create}
)

var names = map[Name]definition{
	TooMany:  {Submit, anyOp, takesNumber, "429; with a value that Retry-After in seconds"},
	Internal: {Submit, anyOp, takesNothing, "500"},
	Gateway:  {Submit, anyOp, takesNothing, "502 with an HTML body"},
	Quota:    {Submit, anyOp, takesNothing, "429 QuotaExceeded"},
	Overdue:  {Submit, anyOp, takesNothing, "403 AccountOverdueError"},
	DeadKey:  {Submit, anyOp, takesNothing, "401"},
	Conflict: {Delete, []Op{Delete}, takesNothing, "409, as if the task had just begun to run"},
	Echo:     {Submit, anyOp, takesNothing, "400 that quotes the credential"},
	Redirect: {Submit, anyOp, takesNothing, "307 to the same route"},
	Slow:     {Submit, anyOp, takesTime, "waits before it answers (2s)"},
	Drop:     {Submit, anyOp, takesNothing, "accepts, then closes the connection"},
	Hang:     {Submit, anyOp, takesTime, "accepts, then never answers"},
	Truncate: {Submit, anyOp, takesMedia, "accepts, sends half of the answer; =media cuts the media"},
	Empty:    {Submit, anyOp, takesNothing, "accepts, answers 200 without a body"},
	HTML:     {Media, anyOp, takesNothing, "the media link gives an HTML page with 200"},
	Reject:   {Submit, submits, takesNothing, "400, content policy"},
	Ready:    {Submit, submits, takesTime, "time until it is ready"},
	Queued:   {Submit, creates, takesTime, "video: stays queued for that time (5s) before it runs"},
	Fail:     {Submit, creates, takesNumber, "accepted, then fails for its content; images: =N fails only image N of a group"},
	Broken:   {Submit, creates, takesNothing, "accepted, then fails with InternalServiceError"},
	TopLevel: {Submit, creates, takesNothing, "image: 200 with an error at the top level"},
	Size:     {Submit, creates, takesSize, "media of that size"},
	Chunks:   {Chat, []Op{Chat}, takesNumber, "chat: an answer of that many words"},
	SSEError: {Submit, submits, takesNothing, "an error in the middle of the stream"},
	SSEEOF:   {Submit, submits, takesNothing, "the stream ends without [DONE]"},
	Unknown:  {Get, []Op{Get}, takesTime, "an undocumented status for a while (3s)"},
	Lost:     {Get, []Op{Get}, takesTime, "404 from that time on (0s)"},
	Expired:  {Get, []Op{Get, Submit, Create}, takesNothing, "the first media link has expired"},
	Stall:    {Media, []Op{Media}, takesNothing, "the media stops midway"},
	NoLength: {Media, []Op{Media}, takesNothing, "media without Content-Length and Range"},

	WebBlock:     {Submit, submits, takesNothing, "web: error frame 710022002, asked too often"},
	WebRisk:      {Submit, submits, takesNothing, "web: error frame 710022004, a human is wanted"},
	WebStrange:   {Submit, submits, takesNothing, "web: error frame with an unknown code"},
	WebWAF:       {Submit, anyOp, takesNothing, "web: 403 with an HTML page"},
	WebJSON:      {Submit, submits, takesNothing, "web: JSON with a code in place of the stream"},
	WebNoAck:     {Submit, submits, takesNothing, "web: a stream without its first frame"},
	WebNoEnd:     {Submit, submits, takesNothing, "web: a stream without its last frame"},
	WebUnknown:   {Submit, submits, takesNothing, "web: unknown events and contents in between"},
	WebOneWrite:  {Submit, submits, takesNothing, "web: all frames in one write"},
	WebSplit:     {Submit, submits, takesNothing, "web: one byte a write"},
	WebHeartbeat: {Submit, submits, takesTime, "web: only heartbeats for a while (60s)"},
	WebCount:     {Submit, creates, takesNumber, "web: so many images"},
	WebLate:      {Submit, creates, takesNothing, "web: images only in the history"},
	WebOld:       {Submit, creates, takesNothing, "web: images in the older form"},
	WebAfter:     {Submit, creates, takesNothing, "web: an error behind the acceptance"},
	WebTask:      {Submit, creates, takesNothing, "web: a video with a task's stream"},
	WebNoLink:    {Get, []Op{Get}, takesTime, "web: a finished video without a link for a while (5s)"},
	WebForeign:   {Get, []Op{Get}, takesNothing, "web: another job's creation in the history"},
	WebCode:      {Get, []Op{Get}, takesNothing, "web: the history answers with an unknown code"},
	WebPaywall:   {Get, []Op{Get}, takesNothing, "web: the history asks to pay"},
	WebRefusal:   {Get, []Op{Get}, takesNothing, "web: the history has a refusal in words"},
	WebDenied:    {Upload, []Op{Upload}, takesNothing, "web: an upload is not prepared"},
	WebCRC:       {Upload, []Op{Upload}, takesNothing, "web: an upload's checksum is refused"},
	WebURI:       {Upload, []Op{Upload}, takesNothing, "web: an upload is not committed"},
}

// Names are the known names, sorted.
func Names() []string {
	out := make([]string, 0, len(names))
	for n := range maps.Keys(names) {
		out = append(out, string(n))
	}
	slices.Sort(out)
	return out
}

// About says in a line what a fault does.
func About(name string) string { return names[Name(name)].about }
