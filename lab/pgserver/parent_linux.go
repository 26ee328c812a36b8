package pgserver

import "syscall"

// dieWithParent makes the kernel shut the process down when we are gone, even by kill -9.
// SIGINT is PostgreSQL's fast shutdown: it ends its own children and leaves its data directory in order.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGINT }
