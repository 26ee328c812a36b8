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
	Orders int    `default:"3" help:"How many orders it affects. Faults on pairs round up; a stopped part stops for all orders."`
	Socket string `default:"${socket}" help:"Socket of the running lab." placeholder:"FILE" type:"path"`
}

// Run plants the fault and prints the affected orders.
func (c *faultCmd) Run(s *session) error {
	planted, err := ask(s.ctx, c.Socket, "/fault", request{Fault: c.Name, Orders: c.Orders})
	if err != nil {
		return err
	}
	if len(planted) == 0 {
		s.out.line("planted %s in the new read path", c.Name)
	}
	for _, p := range planted {
		s.out.line("planted %s: %s (%s, %s)", c.Name, happened(p), p.Hop, p.Cause)
	}
	return nil
}

// known rejects unknown names, and lists the known ones.
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
	Socket string `default:"${socket}" help:"Socket of the running lab." placeholder:"FILE" type:"path"`
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

// happened describes in words what was planted.
func happened(p lab.Planted) string {
	switch {
	case p.OrderID == 0:
		return "all orders at this hop"
	case p.Hop == lab.EventsToStream:
		return fmt.Sprintf("order %d: %s on the stream", p.OrderID, p.Kind)
	default:
		return fmt.Sprintf("order %d %s", p.OrderID, describe(p.Kind, p.Fields))
	}
}

// describe describes in words how an order differs between legacy and projection.
func describe(kind string, fields []string) string {
	switch kind {
	case lab.Missing:
		return "missing: the projection does not have the order"
	case lab.Phantom:
		return "phantom: only the projection has the order"
	default:
		return kind + " in " + strings.Join(fields, ", ")
	}
}

func orderID(id int64) string { return strconv.FormatInt(id, 10) }
