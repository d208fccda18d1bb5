package proc

import "syscall"

// endWithParent lets the kernel kill a program whose bench program died.
func endWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
