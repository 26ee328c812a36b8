package alerts

import (
	"net/url"
	"strings"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackutilsx"

	"github.com/nordvarg/crosscheck/incident"
)

// Limits of Slack, with some room to spare: a header holds 150 characters, a section 3000.
const (
	maxHeadline = 140
	maxSection  = 2800
	maxContext  = 10
	maxKey      = 40
)

// blocks renders a message. All text is escaped, so that it cannot mention anybody or become a link.
func blocks(b incident.Body) []slack.Block {
	headline := cut(plain(b.Title()), maxHeadline)
	out := []slack.Block{slack.NewHeaderBlock(slack.NewTextBlockObject(slack.PlainTextType, headline, false, false))}
	if len([]rune(b.Title())) > maxHeadline || len(b.Lines)+len(b.Context) == 0 {
		out = []slack.Block{section(b.Title())}
	}
	if len(b.Lines) > 0 {
		out = append(out, section(strings.Join(b.Lines, "\n")))
	}
	var context []slack.MixedElement
	if b.Link != "" {
		context = append(context, linked(strings.TrimRight(b.Link, "/")+b.Page, "status page"))
	}
	for _, c := range b.Context {
		if page, ok := strings.CutSuffix(strings.TrimPrefix(c, "docs/"), ".md"); ok && b.Docs != "" {
			context = append(context, linked(b.Docs+"/"+page, page))
		} else {
			context = append(context, slack.NewTextBlockObject(slack.MarkdownType, escaped(c), false, false))
		}
	}
	for _, key := range b.Orders {
		if b.Link != "" && key != "" {
			context = append(context, linked(strings.TrimRight(b.Link, "/")+"/orders/"+url.PathEscape(key), "order "+cut(key, maxKey)))
		}
	}
	if len(context) > 0 {
		out = append(out, slack.NewContextBlock("", context[:min(len(context), maxContext)]...))
	}
	return out
}

// linked is a link of Slack's. A bar would end its address, and is escaped there.
func linked(address, text string) slack.MixedElement {
	return slack.NewTextBlockObject(slack.MarkdownType, "<"+escaped(strings.ReplaceAll(address, "|", "%7C"))+"|"+escaped(strings.ReplaceAll(text, "\n", " "))+">", false, false)
}

func section(text string) slack.Block {
	return slack.NewSectionBlock(slack.NewTextBlockObject(slack.MarkdownType, escaped(fitting(text)), false, true), nil, nil)
}

// fitting returns the start of the text that fits into a section once it is escaped.
func fitting(text string) string {
	for len(escaped(text)) > maxSection {
		text = cut(text, len([]rune(text))*3/4)
	}
	return text
}

// fallback is the text that notifications show.
func fallback(b incident.Body) string {
	return cut(strings.Join(append([]string{b.Title()}, b.Lines...), "\n"), maxSection)
}

// escaped returns the text without Slack's control characters.
func escaped(text string) string { return slackutilsx.EscapeMessage(text) }

// plain is for the header, where Slack has no escapes.
func plain(text string) string {
	return strings.NewReplacer("->", "→", "<", "", ">", "", "&", "and").Replace(text)
}

func cut(text string, most int) string {
	if r := []rune(text); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}
