package evidence

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Server tells which transactions have written a table.
type Server interface {
	// Moment returns which transactions have ended.
	Moment(context.Context) (Moment, error)
	// WrittenAfter returns the rows that are visible now, and were written by a transaction that had not ended at that moment.
	WrittenAfter(ctx context.Context, m Moment) (Written, error)
	// Blind says why rows do not tell which transaction has written them; empty if they do.
	Blind(ctx context.Context) (string, error)
}

// Moment says which transactions of a server had ended: those below Next that are not Open. Numbers have 64 bits, of which a row
// keeps 32.
type Moment struct {
	Next uint64
	// Open are all that had begun and not ended, with their subtransactions. Here are those that can write in the database.
	Open, Here []uint32
	// System and Database say which server it is; System is empty where the server does not tell.
	System, Database string
	Standby          bool              // does not know what is open at its primary
	Further          map[string]string // for people: place in the log, time
}

func (m Moment) server() string { return m.System + "/" + m.Database }

// Written is what was written after a moment.
type Written struct {
	Rows int64
	Some []string // keys of some of them
	All  int64    // rows that belong to the side, however old
}

const (
	transactions = "_transactions" // the next one, and those that are open
	serverOf     = "_server"
)

// positions is the moment as it is kept in the journal.
func (m Moment) positions(of string) map[string]string {
	open := make([]string, len(m.Open))
	for i, xid := range m.Open {
		open[i] = strconv.FormatUint(uint64(xid), 10)
	}
	at := map[string]string{of + transactions: fmt.Sprintf("%d:%s", m.Next, strings.Join(open, ",")), of + serverOf: m.server()}
	for name, value := range m.Further {
		at[of+"_"+name] = value
	}
	return at
}

func known(at map[string]string, of string) bool { return at[of+transactions] != "" }

// momentAt reads a moment from the journal.
func momentAt(at map[string]string, of string) (m Moment, server string, err error) {
	next, open, ok := strings.Cut(at[of+transactions], ":")
	if !ok {
		return m, "", fmt.Errorf("%q is no position", at[of+transactions])
	}
	if m.Next, err = strconv.ParseUint(next, 10, 64); err != nil {
		return m, "", err
	}
	for text := range strings.SplitSeq(open, ",") {
		if text == "" {
			continue
		}
		xid, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return m, "", err
		}
		m.Open = append(m.Open, uint32(xid))
	}
	return m, at[of+serverOf], nil
}

// still names a transaction that could write at this moment and is open at a later one; empty if none is.
func (m Moment) still(later Moment) string {
	for _, xid := range m.Here {
		if slices.Contains(later.Here, xid) {
			return strconv.FormatUint(uint64(xid), 10)
		}
	}
	return ""
}
