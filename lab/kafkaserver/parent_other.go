//go:build unix && !linux

package kafkaserver

import "syscall"

// dieWithParent does nothing: only Linux can tie a child to its parent. Stop ends the server here.
func dieWithParent(*syscall.SysProcAttr) {}
