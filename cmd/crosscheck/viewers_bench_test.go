package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/lab"
)

const (
	viewersVariable = "VIEWERS_ORDERS" // how many orders the lab has
	viewersWatching = 200
	viewersRounds   = 5
	viewersLimit    = 1.05 // of the time of a full pass without viewers
)

// BenchmarkViewers compares full passes while 200 people watch the overview of a sidecar with those that nobody watches, in turns. A limit
// that is missed is printed, and is no failure: times depend on the machine.
func BenchmarkViewers(t *testing.B) {
	orders := wholeNumber(t, viewersVariable, 1_000_000)
	s, _ := large(t, orders, lab.Options{RefreshEvery: time.Hour})
	s.rest()
	p := s.scheduled(`{schedule: off, full: off}`)
	p.shows("/readyz", http.StatusOK, "")
	file := s.config("crosscheck", labWindow)
	took := func() time.Duration {
		code, r := pass(t, "verify", "--config", file)
		if code != exitAgrees {
			t.Fatalf("exit code %d", code)
		}
		return time.Duration(r.Duration * float64(time.Second))
	}
	took() // reads the tables into memory
	var alone, watched []time.Duration
	var pages int64
	for range viewersRounds {
		alone = append(alone, took())
		leave := p.watchedBy(viewersWatching)
		watched = append(watched, took())
		pages += leave()
	}
	slices.Sort(alone)
	slices.Sort(watched)
	ratio := watched[viewersRounds/2].Seconds() / alone[viewersRounds/2].Seconds()
	t.ReportMetric(0, "ns/op")
	t.ReportMetric(ratio, "times-alone")
	t.Logf("%d orders, full passes in turns, %d each: alone %v, watched by %d viewers who loaded %d pages %v", orders, viewersRounds, alone, viewersWatching, pages, watched)
	t.Logf("ratio of the medians: %.3f (limit %.2f)", ratio, viewersLimit)
	if ratio > viewersLimit {
		t.Log("missed")
	}
	p.drains()
}

// watchedBy lets viewers watch the overview as a browser does: they listen to events, and load the page at each. The returned function
// ends them, and says how many pages they have loaded.
func (p *sidecarProcess) watchedBy(viewers int) (leave func() int64) {
	p.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: viewers}}
	open := func(path string) (io.ReadCloser, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+path, nil)
		if err != nil {
			return nil, err
		}
		answer, err := client.Do(r)
		if err != nil {
			return nil, err
		}
		return answer.Body, nil
	}
	var all, listening sync.WaitGroup
	var pages atomic.Int64
	listening.Add(viewers)
	for range viewers {
		all.Go(func() {
			heard := sync.OnceFunc(listening.Done)
			defer heard()
			events, err := open("/api/v1/events")
			if err != nil {
				p.t.Errorf("a viewer hears nothing: %v", err)
				return
			}
			defer events.Close() //nolint:errcheck // it was read
			for lines := bufio.NewScanner(events); lines.Scan(); {
				if !strings.HasPrefix(lines.Text(), "event: ") {
					continue
				}
				heard()
				if page, err := open("/"); err == nil {
					_, _ = io.Copy(io.Discard, page)
					_ = page.Close()
					pages.Add(1)
				}
			}
		})
	}
	listening.Wait()
	return func() int64 {
		stop()
		all.Wait()
		client.CloseIdleConnections()
		return pages.Load()
	}
}
