package reads

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/verify"
)

// ErrRecorded is returned for a recorded request that cannot be asked.
var ErrRecorded = errors.New("recorded request cannot be asked")

// mostReplayed is how many questions of a replay are open at once.
const mostReplayed = 32

// late is from when on a question of a replay counts as late.
const late = 100 * time.Millisecond

// recorded is one line of a file of requests.
type recorded struct {
	At     time.Time         `json:"at"`
	Query  string            `json:"query"`
	Key    json.RawMessage   `json:"key"`
	Params []json.RawMessage `json:"params"`
}

// Recorded reads requests, one JSON object a line, in the order of their times. A line names its query, and a key or a list of
// params. All have a time, or none has.
func (r *Reads) Recorded(from io.Reader) (questions []Question, err error) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 1<<20)
	for number := 1; lines.Scan(); number++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" {
			continue
		}
		q, err := r.recorded(text)
		if err == nil && len(questions) > 0 && q.At.IsZero() != questions[0].At.IsZero() {
			err = fmt.Errorf("%w: some have a time (at), and some have none", ErrRecorded)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		questions = append(questions, q)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading recorded requests: %w", err)
	}
	slices.SortStableFunc(questions, func(x, y Question) int { return x.At.Compare(y.At) })
	return questions, nil
}

func (r *Reads) recorded(text string) (q Question, err error) {
	var line recorded
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&line); err != nil {
		return q, fmt.Errorf("%w: %w", ErrRecorded, err)
	}
	q.At = line.At
	q.Query = slices.IndexFunc(r.Queries, func(of Query) bool { return of.Name == line.Query })
	if q.Query < 0 {
		return q, fmt.Errorf("%w: reads.queries has no query %q", ErrRecorded, line.Query)
	}
	params := line.Params
	if line.Key != nil {
		params = append([]json.RawMessage{line.Key}, params...)
	}
	if len(params) == 0 {
		return q, fmt.Errorf("%w: it has neither key nor params", ErrRecorded)
	}
	for _, raw := range params {
		v, err := ParseJSON(raw)
		if err != nil || v.Kind != Text && v.Kind != Number && v.Kind != Boolean {
			return q, fmt.Errorf("%w: a parameter must be a text, a number, or true or false", ErrRecorded)
		}
		q.Params = append(q.Params, v.Text)
	}
	return q, nil
}

// Replay asks recorded questions with the pauses between their times, divided by speed; those without times at the rate. It tells
// how many began late, because too many others were open.
func (r *Reads) Replay(ctx context.Context, questions []Question, speed float64) (facts verify.ReadsFacts, lateOnes int64, err error) {
	a := r.begin(questions)
	a.facts.Keys = int64(len(questions))
	if len(questions) == 0 || questions[0].At.IsZero() {
		err = a.all(ctx, questions, mostReplayed, a.paced)
		return a.done(), 0, err
	}
	var start time.Time
	pause := func(ctx context.Context, i int) error {
		if i == 0 {
			start = a.Now()
		}
		wait := start.Add(time.Duration(float64(questions[i].At.Sub(questions[0].At)) / speed)).Sub(a.Now())
		if wait < -late {
			lateOnes++
		}
		return a.Wait(ctx, max(wait, 0))
	}
	err = a.all(ctx, questions, mostReplayed, pause)
	return a.done(), lateOnes, err
}
