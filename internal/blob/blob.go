// Package blob is the contract of an object store as this service needs it:
// write once under a known key and be sure of the bytes, read ranges, delete.
// The stores are in its subpackages; package blobtest holds the suite that
// each of them passes.
package blob

import (
	"context"
	"errors"
	"io"
	"os"
	"time"
)

// ErrNotFound is what Open, Stat and Presign's target return for a key that
// holds no object. Compare with errors.Is.
var ErrNotFound = errors.New("blob: no such object")

// ErrBadKey is what every method returns for a key that breaks the rules of
// PutRequest.Key: nothing was asked of the store.
var ErrBadKey = errors.New("blob: bad key")

// ErrSize is what Put returns when Body was shorter or longer than SizeBytes.
var ErrSize = errors.New("blob: the body has another length than announced")

// ErrCorrupt is what Put returns when the store shows another size or checksum
// than that of the bytes that were read from Body.
var ErrCorrupt = errors.New("blob: the store holds other bytes than were sent")

// ErrExists is what PutNew returns for a key that holds an object already.
var ErrExists = errors.New("blob: the key holds an object already")

// ErrNoPutNew is what PutNew returns where the store has no such operation, and
// ProveNew where the store has it and does not keep its promise.
var ErrNoPutNew = errors.New("blob: the store does not keep a key from being written twice")

// ErrUnproven is what Check returns when the store works and only the way that callers
// take to it could not be tried: a name that is for them need not lead anywhere from
// where the service runs, in a container for one.
var ErrUnproven = errors.New("blob: not tried from here")

// UnknownSize is the SizeBytes of a PutRequest whose length is not known.
const UnknownSize int64 = -1

// PutRequest is one object to be written.
type PutRequest struct {
	// Key is the object's name: "/"-separated segments of ASCII letters,
	// digits, '-', '_' and '.', no segment empty, "." or "..", MaxKeyBytes at
	// most. The store puts its own configured prefix in front. No key may be
	// another's folder: with "a/b" there is no "a", since some stores keep
	// objects as files.
	Key string

	// Body is read once, to its end, by one goroutine at a time, and never
	// after Put has returned: one that can block should end when ctx does. A
	// Put that fails may have read a part. An error of Body is found in Put's
	// error by errors.Is.
	Body io.Reader

	// SizeBytes is the exact length of Body, or UnknownSize.
	SizeBytes int64

	// ContentType is stored with the object and served with it.
	ContentType string
}

// Object is what a store knows of one object.
type Object struct {
	Key         string
	SizeBytes   int64
	ContentType string
	ETag        string // the store's own, opaque; changes when the bytes change
	ModTime     time.Time
}

// Reader is an open object, or a range of it. The caller closes it.
type Reader struct {
	io.ReadCloser
	Object Object // of the whole object, whatever the range

	// File, where it is not nil, is at the first byte of the range and gives the same
	// bytes as Read does, but does not end with the range: with it the kernel can copy
	// them to a connection. A caller reads one of the two.
	File *os.File
}

// Store keeps objects. Its methods are safe for concurrent use. An error that
// is none of this package's, not the context's and not Body's means that the
// store could not be reached or refused; the call may be repeated.
type Store interface {
	// Put writes an object. It returns nil only when the store has shown that
	// the object it holds has the size and the checksum of the bytes that were
	// read from Body; whatever fails earlier leaves the key as it was before,
	// without a partial object and, as far as the store allows, without the
	// truncated one that a broken upload would make visible. A Body shorter or
	// longer than SizeBytes is ErrSize. Writing a key again replaces it; of two
	// at the same time one wins, whole.
	Put(ctx context.Context, req PutRequest) (Object, error)

	// PutNew writes a small object under a key that holds none; ErrExists if it
	// holds one, whatever its bytes. Of many at the same time exactly one
	// writes, and what it wrote stays there until a Delete, or a Put, which does
	// not ask. Nil means that the object is there to stay.
	//
	// After any other error it is not known whether the object was written, and
	// ErrExists may be told of what an earlier try of this very call wrote,
	// whose reply was lost. Bytes that nobody else writes settle both: the
	// caller repeats, and asks Holds whose they are. A store that cannot do
	// this gives ErrNoPutNew; one that only pretends to is found by ProveNew.
	PutNew(ctx context.Context, key string, content []byte) error

	// Open reads length bytes from offset; length < 0 means to the end. An
	// offset at or past the end gives an empty reader. A missing key is
	// ErrNotFound, from Open itself and not from the first Read.
	Open(ctx context.Context, key string, offset, length int64) (*Reader, error)

	// Stat tells what Open would, without the bytes.
	Stat(ctx context.Context, key string) (Object, error)

	// Delete removes an object. A missing key is no error.
	Delete(ctx context.Context, key string) error

	// Keys lists the objects in a folder and all below it, in no order. dir is what
	// their keys begin with, up to and with a "/", and follows the rules of keys
	// otherwise. What is written or deleted meanwhile may be missing.
	Keys(ctx context.Context, dir string) ([]string, error)

	// Sweep removes what uploads that began longer than age ago left behind
	// without becoming an object, and tells how many. Safe beside live uploads
	// younger than age; an older one that is still live fails.
	Sweep(ctx context.Context, age time.Duration) (int, error)

	// Check proves with a probe object that the store can be written, read and
	// cleaned up. Its error is for the operator and names the setting to mend. One
	// that is ErrUnproven says that all of that works, and that something could not
	// be tried from here.
	Check(ctx context.Context) error
}

// Presigner is a store that can make links which work without a credential.
type Presigner interface {
	// Presign makes a GET link for a key that is valid for ttl (at most 7
	// days). It does not look whether the object exists. filename, if not
	// empty, is what a browser would save it as.
	Presign(ctx context.Context, key, filename string, ttl time.Duration) (string, error)
}
