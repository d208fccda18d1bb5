package proc

import "syscall"

// endWithParent lets the kernel kill a program whose bench program died.
func endWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// MostFiles is how many files, connections among them, a process that is started
// here may have open: Go's runtime raises the limit as far as it may.
func MostFiles() (int, error) {
	var limit syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	return int(min(limit.Max, 1<<30)), err
}
