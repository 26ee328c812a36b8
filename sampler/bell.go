package sampler

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/go-co-op/gocron/v2"
)

// bell wraps gocron. It also tracks which tasks run, so that they can be drained.
//
// Singleton mode waits instead of rescheduling. Rescheduling drops a ring that comes while the task before it is about
// to return, without any report. After a wait the job's own ticks tell what is due, usually nothing.
//
// bell does not use gocron's own draining: gocron busy-waits, and gives up after a timeout with the task still running.
// bell waits for its tasks and then shuts gocron down.
type bell struct {
	ctx       context.Context // passed to every task, because gocron has no context for it
	log       *slog.Logger
	scheduler gocron.Scheduler
	err       error // the first job that could not be scheduled

	mu      sync.Mutex
	closed  bool // no further task begins
	running sync.WaitGroup
}

func newBell(ctx context.Context, log *slog.Logger) (*bell, error) {
	scheduler, err := gocron.NewScheduler(gocron.WithLocation(time.UTC))
	if err != nil {
		return nil, fmt.Errorf("making the scheduler: %w", err)
	}
	return &bell{ctx: ctx, log: log, scheduler: scheduler}, nil
}

// at calls the task at the instants of a schedule.
func (b *bell) at(name string, s Schedule, task func(context.Context)) {
	b.add(name, gocron.CronJob("", false), task, gocron.WithCronImplementation(cron{s}))
}

// every calls the task at the start and then at intervals.
func (b *bell) every(name string, interval time.Duration, task func(context.Context)) {
	b.add(name, gocron.DurationJob(interval), task, gocron.WithStartAt(gocron.WithStartImmediately()))
}

func (b *bell) add(name string, when gocron.JobDefinition, task func(context.Context), options ...gocron.JobOption) {
	if b.err != nil {
		return
	}
	options = append(options, gocron.WithName(name), gocron.WithSingletonMode(gocron.LimitModeWait))
	_, err := b.scheduler.NewJob(when, gocron.NewTask(func() { b.ring(name, task) }), options...)
	if err != nil {
		b.err = fmt.Errorf("scheduling %s: %w", name, err)
	}
}

// ring runs the task unless the bell is being stopped. It recovers panics as a last resort: a panic of a pass is caught
// earlier, but one that reached gocron would end the process.
func (b *bell) ring(name string, task func(context.Context)) {
	b.mu.Lock()
	if b.closed || b.ctx.Err() != nil {
		b.mu.Unlock()
		return
	}
	b.running.Add(1)
	b.mu.Unlock()
	defer b.running.Done()
	defer func() {
		if value := recover(); value != nil {
			b.log.ErrorContext(b.ctx, "a scheduled task panicked", slog.String("task", name), slog.Any("panic", value),
				slog.String("stack", string(debug.Stack())))
		}
	}()
	task(b.ctx)
}

// run rings until ctx ends and every task has returned.
func (b *bell) run(ctx context.Context) error {
	if b.err == nil {
		b.scheduler.Start()
		<-ctx.Done()
	}
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.running.Wait()
	if err := b.scheduler.Shutdown(); err != nil && b.err == nil {
		return fmt.Errorf("shutting the scheduler down: %w", err)
	}
	return b.err
}

// cron gives gocron our schedules, so that a cron line is parsed in one place.
type cron struct{ Schedule }

// IsValid implements gocron.Cron; the schedule was checked when it was read.
func (cron) IsValid(string, *time.Location, time.Time) error { return nil }
