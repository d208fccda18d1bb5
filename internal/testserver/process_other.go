//go:build !linux

package testserver

import "syscall"

// endWithParent has no counterpart outside Linux: there a test process that
// dies without its cleanups leaves its servers running.
func endWithParent() *syscall.SysProcAttr { return nil }
