package main

import "context"

type runCommand struct{}

func (r *runCommand) run(context.Context, *program) (int, error) { return exitError, nil }
