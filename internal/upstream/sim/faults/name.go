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
	anyOp   = []Op{Submit, Create, Chat, Get, List, Delete, Media}
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
