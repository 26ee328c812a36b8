//go:build unix && !linux

package child

import "syscall"

// DieWithParent does nothing: only Linux can tie a child to its parent. The starter of the process must end it.
func DieWithParent(*syscall.SysProcAttr, syscall.Signal) {}
