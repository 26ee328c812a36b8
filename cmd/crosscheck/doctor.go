package main

import "context"

type doctorCommand struct{}

func (d *doctorCommand) run(context.Context, *program) (int, error) { return exitError, nil }
