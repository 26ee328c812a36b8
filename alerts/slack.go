package alerts

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/incident"
)

const (
	// eventType and markerKey are the metadata by which crosscheck finds its message again.
	eventType = "crosscheck_alert"
	markerKey = "marker"
	// earlier is how far Slack's clock may be behind ours when we look for a message.
	earlier = 2 * time.Minute
	// pages limits a search. A channel with more messages since the attempt is too busy to search.
	pages, pageSize = 20, 200
)

// Slack is a bot in a channel. It needs the scope chat:write. To find out whether an interrupted message has arrived,
// it also needs channels:history (groups:history for a private channel).
type Slack struct {
	api     *slack.Client
	channel string
}

var _ Sender = (*Slack)(nil)

// NewSlack returns a client of Slack's API. url is empty except for tests and proxies. Prefer the channel's ID to its
// name, because Slack does not give the history of a name.
func NewSlack(token, channel, url string) *Slack {
	options := []slack.Option{slack.OptionHTTPClient(&http.Client{Timeout: sendTimeout})}
	if url != "" {
		options = append(options, slack.OptionAPIURL(strings.TrimSuffix(url, "/")+"/"))
	}
	return &Slack{slack.New(token, options...), channel}
}

// Send implements [Sender].
func (s *Slack) Send(ctx context.Context, d incident.Delivery) (Place, error) {
	options := []slack.MsgOption{
		slack.MsgOptionText(fallback(d.Body), true),
		slack.MsgOptionBlocks(blocks(d.Body)...),
		slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl(),
	}
	if d.Op == incident.Edit {
		if d.TS == "" {
			return Place{}, fmt.Errorf("editing a message whose place is not known: %w", ErrRefused)
		}
		_, _, _, err := s.api.UpdateMessageContext(ctx, d.Channel, d.TS, options...)
		return Place{d.Channel, d.TS}, classify(err)
	}
	options = append(options, slack.MsgOptionMetadata(slack.SlackMetadata{
		EventType: eventType, EventPayload: map[string]any{markerKey: d.Marker},
	}))
	channel := s.channel
	if d.Op == incident.Reply && d.TS != "" {
		channel = d.Channel // the parent's channel, even if new messages go to another one now
		options = append(options, slack.MsgOptionTS(d.TS))
	}
	channel, ts, err := s.api.PostMessageContext(ctx, channel, options...)
	return Place{channel, ts}, classify(err)
}

// Find implements [Sender].
func (s *Slack) Find(ctx context.Context, d incident.Delivery) (Place, bool, error) {
	channel := s.channel
	switch {
	case d.Op == incident.Reply && d.TS != "":
		channel = d.Channel
	case strings.HasPrefix(channel, "#"): // a name, for which Slack gives no history
		channel = d.LastChannel
	}
	if channel == "" {
		return Place{}, false, fmt.Errorf("%w: the channel's ID is not known yet; set it in alerts.slack.channel", ErrBlind)
	}
	oldest := strconv.FormatInt(d.AttemptedAt.Add(-earlier).Unix(), 10)
	cursor := ""
	for range pages {
		messages, next, err := s.page(ctx, d, channel, oldest, cursor)
		if err != nil {
			return Place{}, false, unseen(err)
		}
		for _, m := range messages {
			if m.Metadata.EventType == eventType && m.Metadata.EventPayload[markerKey] == d.Marker {
				return Place{channel, m.Timestamp}, true, nil
			}
		}
		if next == "" {
			return Place{}, false, nil
		}
		cursor = next
	}
	return Place{}, false, fmt.Errorf("%w: more than %d messages since", ErrBlind, pages*pageSize)
}

func (s *Slack) page(ctx context.Context, d incident.Delivery, channel, oldest, cursor string) ([]slack.Message, string, error) {
	if d.Op == incident.Reply && d.TS != "" {
		found, _, next, err := s.api.GetConversationRepliesContext(ctx, &slack.GetConversationRepliesParameters{
			ChannelID: channel, Timestamp: d.TS, Cursor: cursor, Oldest: oldest, Limit: pageSize, IncludeAllMetadata: true,
		})
		return found, next, err
	}
	answer, err := s.api.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{
		ChannelID: channel, Cursor: cursor, Oldest: oldest, Limit: pageSize, IncludeAllMetadata: true,
	})
	if err != nil {
		return nil, "", err
	}
	return answer.Messages, answer.ResponseMetaData.NextCursor, nil
}

// unseen says whether another attempt can help.
func unseen(err error) error {
	var answer slack.SlackErrorResponse
	blind := []string{"missing_scope", "not_in_channel", "channel_not_found", "thread_not_found", "no_permission", "method_not_supported_for_channel_type"}
	if errors.As(err, &answer) && slices.Contains(blind, answer.Err) {
		return fmt.Errorf("%w: %w; the token needs channels:history, or groups:history for a private channel", ErrBlind, err)
	}
	return classify(err)
}

// classify says what an error tells about the message. An answer with ok: false means that Slack has not taken it. An
// answer of 500 says nothing: it may come from a server that has already passed the message on.
func classify(err error) error {
	if err == nil {
		return nil
	}
	never := []string{
		"cant_update_message", "edit_window_closed", "msg_too_long", "msg_blocks_too_long",
		"invalid_blocks", "invalid_blocks_format", "no_text", "restricted_action_thread_only_channel",
	}
	deleted := []string{"message_not_found", "thread_not_found", "cannot_reply_to_message"}
	unclear := []string{"internal_error", "fatal_error", "service_unavailable", "request_timeout"}
	var limited *slack.RateLimitedError
	var answer slack.SlackErrorResponse
	switch {
	case errors.As(err, &limited):
		return &WaitError{limited.RetryAfter, err}
	case !errors.As(err, &answer):
		return unreached(err)
	case slices.Contains(unclear, answer.Err):
		return err
	case slices.Contains(deleted, answer.Err):
		return fmt.Errorf("%w: %w", ErrParentGone, err)
	case slices.Contains(never, answer.Err):
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return &WaitError{0, err}
}

// unreached adds what is wrong with TLS, and what to do, to the error of a request that got no answer.
func unreached(err error) error {
	if fault := tlsFault(err); fault != "" {
		return fmt.Errorf("%s (%w)", fault, err)
	}
	return err
}

// tlsFault is empty for other faults. It holds no address.
func tlsFault(err error) string {
	fault, hint, found := doctor.TLSFault(err, doctor.TLSSettings{
		Authority: "the system's certificates (SSL_CERT_FILE)", Name: "the address of Slack in the configuration",
		Own: "what stands between crosscheck and Slack: a proxy that asks for certificates cannot be used",
	})
	switch {
	case found:
		return fault + "; " + hint
	case errors.Is(err, http.ErrSchemeMismatch):
		return "the server answers without TLS; write http:// in the address, or use the port with TLS"
	}
	return ""
}
