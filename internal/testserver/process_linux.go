package testserver

import "syscall"

// endWithParent lets the kernel kill a server whose test process died without
// its cleanups, as it does when `go test -timeout` ends it.
func endWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
