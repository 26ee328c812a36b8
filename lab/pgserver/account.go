//go:build unix

package pgserver

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"

	"github.com/nordvarg/crosscheck/lab/child"
)

// account is the operating system's user that runs the server. The zero value is the current user.
type account struct {
	other    bool
	uid, gid uint32
}

// unprivileged picks the account: the current user, or another one if that is root.
func unprivileged() (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return account{}, fmt.Errorf("reading the ids of user %s: %w", name, err)
		}
		return account{other: true, uid: uint32(uid), gid: uint32(gid)}, nil
	}
	return account{}, errors.New("PostgreSQL does not run as root, and there is no user postgres or nobody to run it")
}

// own gives a folder to the account.
func (a account) own(dir string) error {
	if !a.other {
		return nil
	}
	return os.Chown(dir, int(a.uid), int(a.gid))
}

// sysProcAttr says how to start a process of the account. It has its own process group, so that Ctrl-C in a terminal
// reaches only the parent, and the parent decides when the server ends.
func (a account) sysProcAttr() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if a.other {
		attr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	child.DieWithParent(attr, syscall.SIGINT) // PostgreSQL's fast shutdown: it ends its own children and leaves its folder in order
	return attr
}
