package config

import (
	"fmt"
	"time"
)

// Verify says how full verifications read.
type Verify struct {
	// Connections is how many connections a full verification uses to digest a side, 1 to 16. More than one is faster where the
	// server has idle cores. Default 1.
	Connections int
	// MaxSnapshot is how long a full verification may hold a snapshot of a database. It then compares ranges of keys, one after
	// another, each in its own snapshots of all sides, and can be resumed. 0s compares everything in one snapshot; otherwise at
	// least 100ms. Default 0s.
	MaxSnapshot time.Duration
	// Shared lets all sidecars with this ledger compare ranges of a full verification together. It needs MaxSnapshot.
	Shared bool
}

const (
	mostConnections = 16
	leastSnapshot   = 100 * time.Millisecond
)

func readVerify(o *object, v *Verify) {
	v.Connections = 1
	if o == nil {
		return
	}
	connections := int64(1)
	o.whole("connections", &connections, 1, mostConnections)
	v.Connections = int(connections)
	o.duration("max_snapshot", &v.MaxSnapshot, 0)
	if v.MaxSnapshot > 0 && v.MaxSnapshot < leastSnapshot {
		o.at(target(o.values["max_snapshot"]), "verify.max_snapshot", fmt.Sprintf("must be 0s or at least %v", leastSnapshot), "a range of keys is read in this time; 30s is usual")
	}
	if v.MaxSnapshot > 0 && v.Connections > 1 {
		n := target(o.values["connections"])
		o.warnings = append(o.warnings, &Error{
			File: o.file, Line: n.Line, Column: n.Column, Path: "verify.connections", Message: "is not used with max_snapshot: a range of keys is read on one connection of each side",
		})
	}
	o.boolean("shared", &v.Shared)
	if v.Shared && v.MaxSnapshot == 0 && o.values["shared"] != nil {
		o.at(target(o.values["shared"]), "verify.shared", "needs verify.max_snapshot, above 0s", "sidecars share ranges of keys, each of which is read in this time; 30s is usual")
	}
	o.done()
}
