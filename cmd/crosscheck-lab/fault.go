package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nordvarg/crosscheck/lab"
)

type faultCmd struct {
	Name   string `arg:"" enum:"${faults}" help:"One of ${faults}."`
	Orders int    `default:"3" help:"How many orders it happens to; faults on pairs round up, what stops stops for all."`
	Socket string `default:"${socket}" help:"Where the lab listens." placeholder:"FILE" type:"path"`
}

// Run plants the fault and says in which orders.
func (c *faultCmd) Run(s *session) error {
	planted, err := ask(s.ctx, c.Socket, "/fault", request{Fault: c.Name, Orders: c.Orders})
	if err != nil {
		return err
	}
	for _, p := range planted {
		s.out.line("planted %s: %s (%s, %s)", c.Name, happened(p), p.Hop, p.Cause)
	}
	return nil
}

// known refuses names that are no fault's, and says which there are.
func known(names []string) error {
	all := strings.Split(faultNames(), ",")
	for _, name := range names {
		if !slices.Contains(all, name) {
			return withHint(fmt.Errorf("%w: %q", lab.ErrUnknownFault, name), "the faults are "+strings.Join(all, ", "))
		}
	}
	return nil
}

type repairCmd struct {
	Socket string `default:"${socket}" help:"Where the lab listens." placeholder:"FILE" type:"path"`
}

// Run undoes all faults.
func (c *repairCmd) Run(s *session) error {
	repaired, err := ask(s.ctx, c.Socket, "/repair", request{})
	if err != nil {
		return err
	}
	s.out.line("repaired %d findings", len(repaired))
	return nil
}

// happened says in words what was planted.
func happened(p lab.Planted) string {
	switch {
	case p.OrderID == 0:
		return "the hop as a whole"
	case p.Hop == lab.EventsToStream:
		return fmt.Sprintf("order %d: %s on the stream", p.OrderID, p.Kind)
	default:
		return fmt.Sprintf("order %d %s", p.OrderID, describe(p.Kind, p.Fields))
	}
}

// describe says in words how an order differs between legacy and projection.
func describe(kind string, fields []string) string {
	switch kind {
	case lab.Missing:
		return "missing: the projection has no such order"
	case lab.Phantom:
		return "phantom: only the projection has it"
	default:
		return kind + " in " + strings.Join(fields, ", ")
	}
}

func orderID(id int64) string { return strconv.FormatInt(id, 10) }
