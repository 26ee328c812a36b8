// Package jobs hands the ranges of a pass to all sidecars that compare the same, and those of a backfill to all processes that do it.
// It is the only one that knows River.
//
// # Invariant
//
// A job is only a hint that a range waits. The ledger, or the event store, decides who stores the range, so a job that is lost, or done
// twice, changes no result.
package jobs

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/nordvarg/crosscheck/verify"
)

const (
	// attempts is how often a job may fail before the holder of the pass does it.
	attempts = 5
	// connections are for fetching jobs, for finishing them, and for what the pass asks.
	connections    = 4
	defaultTimeout = 30 * time.Second
	// pollEvery is the time between two looks for a job, while there is none. Half a second was a tenth of a pass of a million orders.
	pollEvery = 100 * time.Millisecond
	// fetchEvery is the least time between two looks.
	fetchEvery = 10 * time.Millisecond
)

// ErrDSN is returned by Open for a dsn that cannot be parsed.
var ErrDSN = errors.New("ledger.dsn is not a connection string of PostgreSQL, or it names files that cannot be read")

// Config says where the jobs are: in the schema of the ledger.
type Config struct {
	DSN, Schema string
	Log         *slog.Logger  // nil discards
	Timeout     time.Duration // of one statement; zero means 30 s
}

// Queue is the jobs in one schema. It is safe for concurrent use.
type Queue struct {
	pool    *pgxpool.Pool
	log     *slog.Logger
	timeout time.Duration
	idle    *river.Client[pgx.Tx] // only adds

	mu      sync.Mutex
	working *river.Client[pgx.Tx] // nil unless Work runs
}

var _ verify.Jobs = (*Queue)(nil)

// Open neither connects nor migrates. The caller closes the queue.
func Open(ctx context.Context, c Config) (*Queue, error) {
	cfg, err := pgxpool.ParseConfig(c.DSN)
	if err != nil {
		return nil, ErrDSN // the library's error quotes the dsn
	}
	q := &Queue{log: quiet(c.Log), timeout: cmp.Or(c.Timeout, defaultTimeout)}
	maps.Copy(cfg.ConnConfig.RuntimeParams, map[string]string{
		"search_path":                         pgx.Identifier{c.Schema}.Sanitize(), // River then needs no schema, whose name it would restrict
		"application_name":                    "crosscheck-ledger",
		"timezone":                            "UTC",
		"statement_timeout":                   milliseconds(q.timeout),
		"lock_timeout":                        milliseconds(q.timeout),
		"row_security":                        "off",
		"idle_in_transaction_session_timeout": milliseconds(2 * q.timeout),
	})
	cfg.MaxConns = connections
	if q.pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return nil, fmt.Errorf("opening the jobs: %w", err)
	}
	if q.idle, err = river.NewClient(riverpgxv5.New(q.pool), &river.Config{Logger: q.log}); err != nil {
		q.pool.Close()
		return nil, fmt.Errorf("opening the jobs: %w", err)
	}
	return q, nil
}

// Close ends all connections. Work has returned.
func (q *Queue) Close() { q.pool.Close() }

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// rangeJob is a job as it is stored.
type rangeJob struct {
	Pass   int64 `json:"pass"`
	Number int   `json:"number"`
}

// Kind implements [river.JobArgs].
func (rangeJob) Kind() string { return "range" }

// queueOf is the name of a fingerprint's queue. Sidecars that compare something else do not see its jobs.
func queueOf(fingerprint string) string {
	sum := sha256.Sum256([]byte(fingerprint))
	return "ranges-" + hex.EncodeToString(sum[:8])
}

// Add implements [verify.Jobs].
func (q *Queue) Add(ctx context.Context, fingerprint string, id verify.PassID, numbers []int) error {
	jobs := make([]river.JobArgs, len(numbers))
	for i, number := range numbers {
		jobs[i] = rangeJob{int64(id), number}
	}
	return q.add(ctx, queueOf(fingerprint), jobs)
}

func (q *Queue) add(ctx context.Context, queue string, jobs []river.JobArgs) error {
	if len(jobs) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, q.timeout)
	defer cancel()
	params := make([]river.InsertManyParams, len(jobs))
	for i, args := range jobs {
		params[i] = river.InsertManyParams{Args: args, InsertOpts: &river.InsertOpts{
			Queue: queue, MaxAttempts: attempts, UniqueOpts: river.UniqueOpts{ByArgs: true},
		}}
	}
	if _, err := q.client().InsertMany(ctx, params); err != nil {
		return fmt.Errorf("adding %d jobs: %w", len(jobs), err)
	}
	return nil
}

// client is the one that works, if any.
func (q *Queue) client() *river.Client[pgx.Tx] {
	q.mu.Lock()
	defer q.mu.Unlock()
	return cmp.Or(q.working, q.idle)
}

// Held implements [verify.Jobs], by the database's clock.
func (q *Queue) Held(ctx context.Context, id verify.PassID, limit time.Duration) ([]int, error) {
	numbers, err := held[int](ctx, q, rangeJob{}.Kind(), fmt.Sprintf(`{"pass": %d}`, id), limit)
	if err != nil {
		return nil, fmt.Errorf("reading the jobs of pass %d: %w", id, err)
	}
	return numbers, nil
}

// held are the numbers of the jobs with some arguments that wait, or that a process began within the limit.
func held[number int | int64](ctx context.Context, q *Queue, kind, args string, limit time.Duration) ([]number, error) {
	ctx, cancel := context.WithTimeout(ctx, q.timeout)
	defer cancel()
	rows, err := q.pool.Query(ctx, `
		SELECT (args ->> 'number')::bigint FROM river_job
		WHERE kind = $1 AND args @> $2::jsonb AND finalized_at IS NULL
			AND (state <> 'running' OR attempted_at > clock_timestamp() - $3::interval)
		ORDER BY 1`, kind, args, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[number])
}

// Forget implements [verify.Jobs].
func (q *Queue) Forget(ctx context.Context, id verify.PassID) error {
	which := river.NewJobDeleteManyParams().Kinds(rangeJob{}.Kind()).
		Where("args @> jsonb_build_object('pass', @pass::bigint)", river.NamedArgs{"pass": int64(id)})
	if err := q.forget(ctx, which); err != nil {
		return fmt.Errorf("dropping the jobs of pass %d: %w", id, err)
	}
	return nil
}

func (q *Queue) forget(ctx context.Context, which *river.JobDeleteManyParams) error {
	ctx, cancel := context.WithTimeout(ctx, q.timeout)
	defer cancel()
	for {
		deleted, err := q.idle.JobDeleteMany(ctx, which.First(forgottenAtOnce))
		if err != nil || len(deleted.Jobs) < forgottenAtOnce {
			return err
		}
	}
}

const forgottenAtOnce = 1000

// leveled drops what River says below warnings.
type leveled struct{ slog.Handler }

// Enabled implements [slog.Handler].
func (l leveled) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && l.Handler.Enabled(ctx, level)
}

// WithAttrs implements [slog.Handler].
func (l leveled) WithAttrs(a []slog.Attr) slog.Handler { return leveled{l.Handler.WithAttrs(a)} }

// WithGroup implements [slog.Handler].
func (l leveled) WithGroup(name string) slog.Handler { return leveled{l.Handler.WithGroup(name)} }

func quiet(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(leveled{l.Handler()})
}

// nextRetry is when a job is tried again that has failed so often.
func nextRetry(job *rivertype.JobRow) time.Time {
	return time.Now().Add(time.Duration(job.Attempt*job.Attempt) * time.Second)
}
