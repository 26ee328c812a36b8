package browsertest

import (
	"context"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/chromedp"
)

// As is the browser of a user who has logged in: it knows nothing of others, and has answered the server's question for name and
// password once.
func (b *Browser) As(t testing.TB, user, password string) *Browser {
	t.Helper()
	ctx, end := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(end)
	as := *b
	as.t, as.ctx = t, ctx
	door := &Page{t: t, browser: &as, ctx: ctx, path: "/healthz", saw: &complaints{}}
	asked := make(chan any, 100)
	if err := chromedp.Listen(ctx, func(event any) {
		switch event.(type) {
		case *fetch.EventAuthRequired, *fetch.EventRequestPaused:
			asked <- event
		}
	}); err != nil {
		t.Fatalf("opening a tab: %v", err)
	}
	call(door, fetch.Enable, fetch.EnableParams{HandleAuthRequests: new(true)})
	in := make(chan struct{}) // closed when the page is there
	var answering sync.WaitGroup
	answering.Go(func() {
		for {
			select {
			case event := <-asked:
				answer(door, event, user, password)
			case <-in:
				return
			}
		}
	})
	act(door, chromedp.Navigate(b.site+door.path))
	close(in)
	answering.Wait()
	call(door, fetch.Disable, cdp.Empty{})
	door.Quiet()
	return &as
}

// answer lets a request go on, with the login if the server asks for it.
func answer(door *Page, event any, user, password string) {
	_, err := chromedp.Run(door.ctx, func(ctx context.Context, tab *chromedp.Target) (cdp.Empty, error) {
		switch e := event.(type) {
		case *fetch.EventAuthRequired:
			login := fetch.AuthChallengeResponse{Response: fetch.AuthChallengeResponseResponseProvideCredentials, Username: user, Password: password}
			return cdp.Call(ctx, tab, fetch.ContinueWithAuth, fetch.ContinueWithAuthParams{RequestID: e.RequestID, AuthChallengeResponse: &login})
		case *fetch.EventRequestPaused:
			return cdp.Call(ctx, tab, fetch.ContinueRequest, fetch.ContinueRequestParams{RequestID: e.RequestID})
		}
		return cdp.Empty{}, nil
	})
	if err != nil {
		door.complain("logging in: " + err.Error())
	}
}
