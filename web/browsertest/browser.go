// Package browsertest gives tests a real browser: a headless Chromium that looks at pages as people do, and tells what is wrong
// with them.
//
// Invariant: a test that needs it fails, and never skips, if Chromium or axe-core is missing. The browser ends with the test. Each
// page tells of every error on its console, and of every request to another host.
package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	browserlog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is how long a browser may take for anything that a test asks of it.
const patience = time.Minute

// Browser is a Chromium of one test.
type Browser struct {
	t     testing.TB
	ctx   context.Context
	site  string // the address of the only server that may be asked
	axe   string
	shots string // the folder for screenshots; empty for none
}

// program returns the path of a Chromium.
func program(t testing.TB) string {
	t.Helper()
	names := []string{"chromium", "chromium-browser", "google-chrome", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"}
	if named := os.Getenv("CROSSCHECK_BROWSER"); named != "" {
		names = []string{named}
	}
	for _, name := range names {
		if found, err := exec.LookPath(name); err == nil {
			return found
		}
	}
	t.Fatalf("none of %v is on this machine; scripts/browser gets one", names)
	return ""
}

// Start starts a browser for the pages of one server. It puts screenshots into the folder that CROSSCHECK_SCREENSHOTS names.
func Start(t testing.TB, site string) *Browser {
	t.Helper()
	b := &Browser{t: t, site: site, axe: axeSource(t), shots: os.Getenv("CROSSCHECK_SCREENSHOTS")}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program(t)), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(t.TempDir()), chromedp.WSURLReadTimeout(patience)) // as root, Chromium has no sandbox
	ctx, stop := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	ctx, end := chromedp.NewContext(ctx)
	t.Cleanup(func() { end(); stop() })
	b.ctx = ctx
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("starting Chromium: %v", err)
	}
	return b
}

// At is the same browser for the pages of another server.
func (b *Browser) At(t testing.TB, site string) *Browser {
	at := *b
	at.t, at.site = t, site
	return &at
}

// Page is a tab of the browser.
type Page struct {
	t       testing.TB
	browser *Browser
	ctx     context.Context
	path    string
	look    string // size and colours, for messages
	saw     *complaints
}

// complaints are what the browser complained about.
type complaints struct {
	mu    sync.Mutex
	wrong []string
}

// Open opens a path of the server in a tab of its own, at the width of a desk and in light colours.
func (b *Browser) Open(t testing.TB, path string) *Page {
	t.Helper()
	p := &Page{t: t, browser: b, path: path, saw: &complaints{}}
	ctx, end := chromedp.NewContext(b.ctx)
	p.ctx = ctx
	t.Cleanup(end)
	if err := chromedp.Listen(ctx, p.listen); err != nil {
		t.Fatalf("opening a tab: %v", err)
	}
	call(p, browserlog.Enable, cdp.Empty{})
	call(p, network.Enable, network.EnableParams{})
	p.Look(Desk, Light)
	p.Go(path)
	return p
}

// Go opens another path in the same tab, with the look that it has.
func (p *Page) Go(path string) {
	p.t.Helper()
	p.path = path
	act(p, chromedp.Navigate(p.browser.site+path))
}

// In is the same tab in another test, such as a part of this one.
func (p *Page) In(t testing.TB) *Page {
	return &Page{t: t, browser: p.browser, ctx: p.ctx, path: p.path, look: p.look, saw: p.saw}
}

// listen keeps what a page must not do.
func (p *Page) listen(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		text, _ := json.Marshal(e.ExceptionDetails) //nolint:errchkjson // for a message
		p.complain("threw " + string(text))
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			text, _ := json.Marshal(e.Args) //nolint:errchkjson // for a message
			p.complain("wrote to its console: " + string(text))
		}
	case *browserlog.EventEntryAdded:
		if e.Entry.Level == browserlog.EntryLevelError || e.Entry.Level == browserlog.EntryLevelWarning {
			p.complain("made the browser complain: " + e.Entry.Text + " " + e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		if to := e.Request.URL; !strings.HasPrefix(to, p.browser.site+"/") && !strings.HasPrefix(to, "data:") {
			p.complain("asked another host: " + to)
		}
	}
}

func (p *Page) complain(text string) {
	p.saw.mu.Lock()
	defer p.saw.mu.Unlock()
	p.saw.wrong = append(p.saw.wrong, text)
}

// Quiet checks that nothing was wrong until now: no error on the console, and no request to another host.
func (p *Page) Quiet() {
	p.t.Helper()
	p.saw.mu.Lock()
	defer p.saw.mu.Unlock()
	for _, w := range p.saw.wrong {
		p.t.Errorf("%s %s", p.path, w)
	}
	p.saw.wrong = nil
}

// act does something in the tab.
func act[T any](p *Page, action chromedp.Action[T]) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, action)
	if err != nil {
		p.t.Fatalf("%s, %s: %v", p.path, p.look, err)
	}
	return v
}

// call sends a command of the protocol to the tab.
func call[P, R any](p *Page, command cdp.Command[P, R], params P) {
	p.t.Helper()
	act(p, func(ctx context.Context, tab *chromedp.Target) (R, error) { return cdp.Call(ctx, tab, command, params) })
}

// Width of a window, and Colours of the page.
type (
	Width   int64
	Colours string
)

// The looks.
const (
	Desk  Width = 1280
	Phone Width = 390

	Light Colours = "light"
	Dark  Colours = "dark"
)

// Look changes the size of the window and the colours.
func (p *Page) Look(w Width, c Colours) {
	p.t.Helper()
	size := emulation.SetDeviceMetricsOverrideParams{Width: int64(w), Height: 900, DeviceScaleFactor: 1, Mobile: w == Phone}
	p.look = fmt.Sprintf("%d px %s", w, c)
	call(p, emulation.SetDeviceMetricsOverride, size)
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: string(c)}}})
}

// Value is what an expression of JavaScript gives, or what its promise gives.
func Value[T any](p *Page, expression string) T {
	p.t.Helper()
	return act(p, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// Eventually waits until an expression of JavaScript is true.
func (p *Page) Eventually(expression string) {
	p.t.Helper()
	act(p, chromedp.Poll[bool](expression, chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(patience)))
}

// Click follows a link, which a selector names, to another page.
func (p *Page) Click(selector string) {
	p.t.Helper()
	act(p, chromedp.WaitEvent(page.LoadEventFired, nil, chromedp.Click(chromedp.CSS(selector))))
	p.path = p.Path()
}

// Type types a text into a field, as a person does.
func (p *Page) Type(selector, text string) {
	p.t.Helper()
	act(p, chromedp.SendKeys(chromedp.CSS(selector), text))
}

// Path is the path of the page and its query.
func (p *Page) Path() string {
	p.t.Helper()
	return Value[string](p, "location.pathname + location.search")
}

// Shots keeps a picture of the whole page in each look, if somebody wants pictures.
func (p *Page) Shots(name string) {
	p.t.Helper()
	if p.browser.shots == "" {
		return
	}
	for _, c := range []Colours{Light, Dark} {
		for _, w := range []Width{Desk, Phone} {
			p.Look(w, c)
			p.shot(name)
		}
	}
}

func (p *Page) shot(name string) {
	p.t.Helper()
	picture := act(p, chromedp.FullScreenshot(100))
	file := filepath.Join(p.browser.shots, url.PathEscape(name+" "+p.look)+".png")
	file = strings.ReplaceAll(file, "%20", "-")
	if err := os.MkdirAll(p.browser.shots, 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(file, picture, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

func quoted(v any) string {
	text, _ := json.Marshal(v) //nolint:errchkjson // texts
	return string(text)
}
