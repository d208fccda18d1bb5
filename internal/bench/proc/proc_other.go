//go:build !linux

package proc

import "syscall"

// endWithParent has no counterpart outside of Linux.
func endWithParent() *syscall.SysProcAttr { return nil }
