package config

import (
	"net/url"
	"time"
)

// Alerts says where and how people are told of incidents.
type Alerts struct {
	Slack Slack
	// IncludeValues allows the values of orders in messages. Default false: they do not leave crosscheck.
	IncludeValues bool
	// UpdateEvery is the minimum time between two updates in one thread. Default 10m.
	UpdateEvery time.Duration
	// Quiet is the hours in which warnings wait. Default none.
	Quiet QuietHours
}

// Given reports whether the section is in the file.
func (a Alerts) Given() bool { return !a.Slack.Token.Empty() || !a.Slack.Webhook.Empty() }

// Slack is a bot's token with a channel, or the address of an incoming webhook.
type Slack struct {
	Token Secret
	// Channel is the channel's ID, or its name with a #.
	Channel string
	// Webhook is for systems without a bot: single messages, without threads.
	Webhook Secret
	// APIURL is the address of Slack's API, for a proxy. Default Slack's own.
	APIURL string
}

// QuietHours is a time of the day in a time zone. From after To spans midnight.
type QuietHours struct {
	From, To time.Duration // since midnight
	Zone     *time.Location
}

func readAlerts(o *object) Alerts {
	var a Alerts
	if o == nil {
		return a
	}
	a.UpdateEvery = 10 * time.Minute
	o.require("slack", `such as slack: {token: "${SLACK_TOKEN}", channel: C0123456789}`)
	readSlack(o.object("slack"), &a.Slack)
	o.boolean("include_values", &a.IncludeValues)
	o.duration("update_every", &a.UpdateEvery, time.Second)
	readQuietHours(o.object("quiet_hours"), &a.Quiet)
	o.done()
	return a
}

func readSlack(o *object, s *Slack) {
	if o == nil {
		return
	}
	hook, bot := o.child("webhook"), o.child("token")
	if hook == nil {
		o.require("token", `such as token: "${SLACK_TOKEN}"`)
		o.require("channel", `such as channel: C0123456789, or channel: "#cutover"`)
	} else if bot != nil {
		o.at(target(hook), join(o.path, "webhook"), "cannot be used together with a token", "remove the webhook; a token can do more, such as threads")
	}
	o.secret("token", &s.Token)
	o.text("channel", &s.Channel)
	o.secret("webhook", &s.Webhook)
	if !s.Webhook.Empty() && !isURL(s.Webhook.Reveal()) {
		o.at(target(hook), join(o.path, "webhook"), "is not an address", "such as https://hooks.slack.com/services/…")
	}
	readURL(o, "api_url", &s.APIURL)
	o.done()
}

func readQuietHours(o *object, q *QuietHours) {
	if o == nil {
		return
	}
	o.require("from", `such as from: "22:00"`)
	o.require("to", `such as to: "07:00"`)
	q.Zone = time.UTC
	o.clock("from", &q.From)
	o.clock("to", &q.To)
	if s, name, ok := o.filledScalar("zone"); ok {
		zone, err := time.LoadLocation(name)
		if err != nil || name == "Local" {
			o.wrong(s, "is not a time zone: "+s.shown(), "such as UTC or Europe/Berlin")
		} else {
			q.Zone = zone
		}
	}
	o.done()
}

// clock reads a time of the day.
func (o *object) clock(key string, into *time.Duration) {
	s, ok := o.scalar(key)
	if !ok {
		return
	}
	at, err := time.Parse("15:04", s.text)
	if err != nil || !s.is("!!str") {
		o.wrong(s, "must be a time of the day, found "+s.shown(), `such as "22:00", with quotes`)
		return
	}
	*into = time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute
}

func readURL(o *object, key string, into *string) {
	s, text, ok := o.filledScalar(key)
	if !ok {
		return
	}
	if !isURL(text) {
		o.wrong(s, "must be an address, found "+s.shown(), "such as https://crosscheck.example.com")
		return
	}
	*into = text
}

func isURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}
