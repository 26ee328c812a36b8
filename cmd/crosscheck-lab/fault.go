package main

import (
	"strconv"
	"strings"

	"github.com/nordvarg/crosscheck/lab"
)

type faultCmd struct {
	Name   string `arg:"" enum:"${faults}" help:"One of ${faults}."`
	Orders int    `default:"3" help:"How many orders it happens to; faults on pairs round up."`
	Socket string `default:"${socket}" help:"Where the lab listens." placeholder:"FILE" type:"path"`
}

// Run plants the fault and says in which orders.
func (c *faultCmd) Run(s *session) error {
	planted, err := ask(s.ctx, c.Socket, "/fault", request{Fault: c.Name, Orders: c.Orders})
	if err != nil {
		return err
	}
	for _, p := range planted {
		s.out.line("planted %s: order %d %s", c.Name, p.OrderID, describe(p.Kind, p.Fields))
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
	s.out.line("repaired %d orders", len(repaired))
	return nil
}

// describe says in words how an order differs.
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
