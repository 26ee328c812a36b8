package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestManyViewersAskTheLedgerAsOneDoes: while 200 watch for a minute, listen to events and look at the page now and then, the ledger is read
// once in each moment for all of them together.
func TestManyViewersAskTheLedgerAsOneDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const viewers, watched = 200, time.Minute
		source := &fake{status: goes()}
		h := handler(source)
		ctx, leave := context.WithCancel(t.Context())
		ask := func(path string) {
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil))
		}
		var all sync.WaitGroup
		for i := range viewers {
			all.Go(func() { ask("/api/v1/events") })
			all.Go(func() {
				for pause := time.Duration(i) * 75 * time.Millisecond; ctx.Err() == nil; pause = watched / 4 {
					select {
					case <-ctx.Done():
					case <-time.After(pause):
						ask("/")
					}
				}
			})
		}
		<-time.After(watched)
		leave()
		all.Wait()
		if n := source.asked.Load(); n > int64(watched/cacheFor)+1 {
			t.Errorf("%d viewers asked the ledger %d times in %s", viewers, n, watched)
		}
	})
}
