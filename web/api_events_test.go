package web

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nordvarg/crosscheck/gate"
)

// kinds are the kinds of the events in a stream, and hearts its signs of life.
func kinds(stream string) (events []string, hearts int) {
	for line := range strings.Lines(stream) {
		if kind, ok := strings.CutPrefix(strings.TrimSpace(line), "event: "); ok {
			events = append(events, kind)
		}
		if strings.HasPrefix(line, ":") {
			hearts++
		}
	}
	return events, hearts
}

// stuck is a viewer that reads nothing.
type stuck struct {
	*httptest.ResponseRecorder
	read chan struct{} // closed when it reads
}

func (s stuck) Write(text []byte) (int, error) {
	<-s.read
	return len(text), nil
}

func TestEventsTellWhatChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, closing := &fake{status: noGo()}, make(chan struct{})
		server := Server{Source: source}
		site := server.site(access{anyone: true}, closing)
		watch := func(w http.ResponseWriter) (left chan struct{}) {
			left = make(chan struct{})
			go func() {
				defer close(left)
				site.apiEvents(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/events", nil))
			}()
			return left
		}
		slow, w := stuck{httptest.NewRecorder(), make(chan struct{})}, httptest.NewRecorder()
		slowLeft := watch(slow)
		synctest.Wait()
		left := watch(w)
		wait := func() {
			select {
			case <-time.After(3 * cacheFor):
			case <-left:
			}
			synctest.Wait()
		}
		wait()
		source.becomes(func() { // time alone is no news
			source.status.At = source.status.At.Add(time.Minute)
			source.status.Divergences[0].AgeSeconds += 60
			source.status.Decision.Criteria[0].Reason = "2 hours ago"
		})
		wait()
		source.becomes(func() { source.status.Decision.Decision = gate.Go })
		wait()
		source.becomes(func() { source.err = errors.New("the ledger is away") })
		wait()
		source.becomes(func() { source.err = nil })
		for range 4 {
			wait()
		}
		if asked := source.asked.Load(); asked > 30 {
			t.Errorf("the source was asked %d times in 48 seconds for two viewers", asked)
		}
		close(slow.read)
		close(closing)
		<-left
		<-slowLeft
		events, hearts := kinds(w.Body.String())
		if got := strings.Join(events, " "); got != "status status unknown status bye" || hearts == 0 {
			t.Errorf("told were %s, and %d signs of life:\n%s", got, hearts, w.Body)
		}
		if !strings.Contains(w.Body.String(), `"decision":"GO"`) || w.Header().Get("Content-Type") != "text/event-stream" {
			t.Errorf("%v\n%s", w.Header(), w.Body)
		}
		if len(site.viewers) != 0 {
			t.Errorf("%d viewers are still there", len(site.viewers))
		}
	})
}

// next reads a stream up to an event.
func next(t *testing.T, lines *bufio.Scanner, kind string) {
	t.Helper()
	for lines.Scan() {
		if lines.Text() == "event: "+kind {
			return
		}
	}
	t.Fatalf("the stream ended before %s: %v", kind, lines.Err())
}

func stream(t *testing.T, url string) *bufio.Scanner {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/api/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() }) // the server has closed it
	return bufio.NewScanner(answer.Body)
}

// TestEventsOutliveTheTimeoutsOfTheServer, which are for whole requests and answers.
func TestEventsOutliveTheTimeoutsOfTheServer(t *testing.T) {
	statuses := make(chan Status, 1)
	source := sourceFunc(func(context.Context) (Status, error) {
		select {
		case s := <-statuses:
			return s, nil
		default:
			return goes(), nil
		}
	})
	server := httptest.NewUnstartedServer((&Server{Source: source}).Handler())
	server.Config.WriteTimeout, server.Config.ReadTimeout = 50*time.Millisecond, 50*time.Millisecond
	server.Start()
	defer server.Close()
	lines := stream(t, server.URL)
	next(t, lines, "status")
	statuses <- noGo() // read two seconds later
	next(t, lines, "status")
	server.CloseClientConnections()
}

type sourceFunc func(context.Context) (Status, error)

func (f sourceFunc) Status(ctx context.Context) (Status, error) { return f(ctx) }

// TestViewersDoNotHoldUpTheEnd: each is told, and the server stops in time.
func TestViewersDoNotHoldUpTheEnd(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	server, ended := Server{Source: &fake{status: noGo()}}, make(chan error, 1)
	go func() { ended <- server.Serve(ctx, listener) }()
	lines := stream(t, "http://"+listener.Addr().String())
	next(t, lines, "status")
	stop()
	next(t, lines, "bye")
	if err := <-ended; err != nil {
		t.Errorf("the server ended with %v", err)
	}
}
