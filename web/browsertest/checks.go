package browsertest

import (
	"slices"
	"strings"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// FitsTheWindow checks that nobody has to scroll sideways.
func (p *Page) FitsTheWindow() {
	p.t.Helper()
	is := Value[struct {
		Page, Window int
		Widest       []string
	}](p, `(() => {
		const right = document.documentElement.clientWidth;
		return {Page: document.documentElement.scrollWidth, Window: right, Widest: [...document.querySelectorAll("body *")]
			.filter((e) => e.getBoundingClientRect().right > right + 1).slice(0, 5).map((e) => e.outerHTML.slice(0, 120))};
	})()`)
	if is.Page > is.Window {
		p.t.Errorf("%s, %s: the page is %d px wide in a window of %d px: %q", p.path, p.look, is.Page, is.Window, is.Widest)
	}
}

// Shows checks the heading of the page.
func (p *Page) Shows(heading string) {
	p.t.Helper()
	if got := Value[string](p, `document.querySelector("h1").innerText`); got != heading {
		p.t.Errorf("%s has the heading %q, want %q", p.path, got, heading)
	}
}

// LeadsWithin checks that each link and form of the page leads to one of these paths, or to what is below it.
func (p *Page) LeadsWithin(paths ...string) {
	p.t.Helper()
	for _, to := range Value[[]string](p, `[...document.querySelectorAll("a[href^='/'], form[action^='/']")].map((e) => e.getAttribute("href") ?? e.getAttribute("action"))`) {
		if !slices.ContainsFunc(paths, func(path string) bool { return strings.HasPrefix(to, path) }) {
			p.t.Errorf("%s leads to %s", p.path, to)
		}
	}
}

// controls are what a person can use on the page as it is now, each by what it is: a page that lives has others of the same kind
// a moment later. Of a long page they are the first ones: each key takes its time, and the others are links of the same list. Of several
// radio buttons, the tab key comes to the chosen one, and arrows to the others.
const controls = `[...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']")]
	.filter((e) => !e.disabled && (e.type !== "radio" || e.checked) && e.checkVisibility({contentVisibilityAuto: true, visibilityProperty: true})).slice(0, 60).map((e) => e.outerHTML.slice(0, 160))`

// UsableByKeyboard goes through the page with the tab key: it must come to every control, and show where it is.
func (p *Page) UsableByKeyboard() {
	p.t.Helper()
	many := Value[int](p, `(() => {
		document.activeElement?.blur();
		window.visited = new Set(); window.unseen = [];
		document.addEventListener("focusin", ({target: e}) => {
			const style = getComputedStyle(e), is = e.outerHTML.slice(0, 160);
			window.visited.add(is);
			if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2 || e.getBoundingClientRect().width < 2) window.unseen.push(is);
		});
		const partsOfTime = 7; // month, day, year, hour, minute, half of the day, and the calendar
		return `+controls+`.length + partsOfTime * document.querySelectorAll("input[type=datetime-local]").length;
	})()`)
	act(p, chromedp.KeyEvent(strings.Repeat(kb.Tab, many+2)))
	for _, unseen := range Value[[]string](p, `(document.activeElement.blur(), window.unseen)`) {
		p.t.Errorf("%s, %s: the focus cannot be seen on %s", p.path, p.look, unseen)
	}
	for _, missed := range Value[[]string](p, controls+`.filter((is) => !window.visited.has(is))`) {
		p.t.Errorf("%s, %s: the tab key never comes to %s", p.path, p.look, missed)
	}
}
