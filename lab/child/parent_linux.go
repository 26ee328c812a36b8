package child

import "syscall"

// DieWithParent makes the kernel send the signal to the process when its parent ends, even by kill -9.
func DieWithParent(attr *syscall.SysProcAttr, sig syscall.Signal) { attr.Pdeathsig = sig }
