package probe

import (
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

// sniffBytes is how much is gathered before the kind is decided; mimetype
// looks no further.
const sniffBytes = 3072

// format reads one kind of media. Its methods are called in order: feed any
// number of times, then facts, perhaps more than once.
type format interface {
	// feed takes the next bytes. It may not keep p.
	feed(p []byte)

	// facts tells what was found if the bytes end here, and what is wrong.
	facts() (Facts, error)

	// broken is an error that no further byte can mend, or nil.
	broken() error
}

// Writer reads the facts of the bytes written to it. Make one with
// [NewWriter]. It is not safe for concurrent use.
type Writer struct {
	head   []byte // until format is set
	format format
	err    error // the kind is known and not supported
	whole  bool  // the bytes are in memory anyway: no limit on an image's header
}

// NewWriter returns a Writer that keeps at most 32 MiB: the index of a very
// long film. Pictures and ordinary clips need some kilobytes.
func NewWriter() *Writer { return &Writer{} }

// Write takes the next bytes. It never fails, so that a judgement on the media
// does not end the copy that it watches; ask Err for an early end.
func (w *Writer) Write(p []byte) (int, error) {
	w.feed(p)
	return len(p), nil
}

// Err returns an error as soon as it is certain, whatever bytes may follow. A
// copy may stop then. Nil says nothing: only Facts judges the whole.
func (w *Writer) Err() error {
	if w.err != nil || w.format == nil {
		return w.err
	}
	return w.format.broken()
}

// Facts judges the bytes written so far as the whole. See [Bytes] for its
// error.
func (w *Writer) Facts() (Facts, error) {
	if w.format == nil && w.err == nil {
		if len(w.head) == 0 {
			return Facts{}, truncated("no bytes at all")
		}
		w.begin()
	}
	if w.err != nil {
		return Facts{}, w.err
	}
	return w.format.facts()
}

func (w *Writer) feed(p []byte) {
	switch {
	case w.err != nil:
	case w.format != nil:
		w.format.feed(p)
	case len(w.head) == 0 && len(p) >= sniffBytes:
		w.start(p)
	default:
		w.head = append(w.head, p...)
		if len(w.head) >= sniffBytes {
			w.begin()
		}
	}
}

// begin starts with what was gathered.
func (w *Writer) begin() {
	head := w.head
	w.head = nil
	w.start(head)
}

// start decides the kind by the first bytes and feeds them.
func (w *Writer) start(head []byte) {
	mime := mimetype.Detect(head[:min(len(head), sniffBytes)])
	if mime.Is("image/vnd.mozilla.apng") { // an animated PNG is a PNG
		mime = mime.Parent()
	}
	contentType, _, _ := strings.Cut(mime.String(), ";")
	found := Facts{ContentType: contentType, Ext: mime.Extension()}
	w.format = w.formatFor(found, head)
	if w.format == nil {
		w.err = unsupported("the bytes are %s", contentType)
		return
	}
	w.format.feed(head)
}

// formatFor returns the reader of a kind, or nil.
func (w *Writer) formatFor(found Facts, head []byte) format {
	if newEnding, ok := images[found.ContentType]; ok {
		return newImage(found, newEnding(), w.whole)
	}
	if !isBoxed(head) {
		return nil
	}
	still := strings.HasPrefix(found.ContentType, "image/")
	if !still && !strings.HasPrefix(found.ContentType, "video/") {
		return nil
	}
	return newBoxes(found, still)
}
