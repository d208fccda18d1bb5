package e2e_test

import "syscall"

// endWithParent lets the kernel kill a program whose test process died without
// its cleanups.
func endWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
