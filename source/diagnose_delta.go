package source

import (
	"context"

	"github.com/nordvarg/crosscheck/doctor"
)

// CheckDelta tells whether a delta pass can read only what was written.
const CheckDelta = "delta"

// examineDelta says why rows do not tell which were written, if they do not. It is for a side that has no error.
func (e *examination) examineDelta(ctx context.Context) {
	if e.hasError() {
		return
	}
	opened, err := e.Begin(ctx)
	if err != nil {
		e.failed(CheckDelta, "asking which rows were written", err)
		return
	}
	defer opened.Close()
	n, _ := opened.(*snapshot)
	m, err := n.Mark(ctx)
	switch {
	case err != nil:
		e.failed(CheckDelta, "asking which rows were written", err)
	case m.Unknown != "":
		e.add(doctor.Info, CheckDelta, "a delta pass compares everything here: "+m.Unknown, "name a table in "+e.side()+".table, such as the one below a view")
	default:
		e.add(doctor.OK, CheckDelta, "rows tell which were written since a pass", "")
	}
}
