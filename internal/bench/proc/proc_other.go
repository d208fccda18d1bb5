//go:build !linux

package proc

import "syscall"

// endWithParent has no counterpart outside of Linux.
func endWithParent() *syscall.SysProcAttr { return nil }

// MostFiles is how many files a process that is started here may have open, where
// nobody has asked the system: what scenarios need.
func MostFiles() (int, error) { return 1 << 20, nil }
