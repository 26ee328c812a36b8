package kafkaserver

import "syscall"

// dieWithParent makes the kernel end the process when we are gone, even by kill -9.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
