// Package crash ends the process at points that are named here, so that the
// fault suite can have a program die exactly between two steps of a job. In
// ordinary builds [At] does nothing; the build tag "chaos" arms it.
package crash

// Point is a place in the code where a crash proves something.
type Point string

// The points, in the order in which a job meets them. What stands before the
// slash has been done, what stands behind it has not.
const (
	Accepted    Point = "record written / before the bell"
	Taken       Point = "task taken / before the fence"
	Fenced      Point = "fence written / before POST"
	Guarded     Point = "lease checked / before POST"
	OnTheWire   Point = "POST on the wire"
	Answered    Point = "answer received / before commit"
	Committed   Point = "committed / before the queue's ack"
	PollClaimed Point = "poll claimed"
	ReadySeen   Point = "ready seen / before commit"
	ReadyKept   Point = "ready committed / before the mirror's bell"
	MirrorBegun Point = "mirror begun"
	ObjectKept  Point = "object written / before final"
	Final       Point = "final / before the queue's ack"
)

// Points gives them in that order.
func Points() []Point {
	return []Point{
		Accepted, Taken, Fenced, OnTheWire, Answered, Committed,
		PollClaimed, ReadySeen, ReadyKept, MirrorBegun, ObjectKept, Final,
	}
}
