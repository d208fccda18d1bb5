// Package tintype is the Go client of a Tintype server and the shapes that
// both write on the wire. It needs nothing but the standard library.
package tintype
