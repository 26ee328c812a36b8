package topic

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/order"
)

// The checks of the topic, after doctor.Connection and doctor.Login.
const (
	CheckTopic      = "topic"
	CheckCleanup    = "cleanup_policy"
	CheckRetention  = "retention"
	CheckMessages   = "messages"
	CheckMessageKey = "message_key"
	CheckGroup      = "group"
)

// diagnosisTimeout is for all requests together. Each request is small.
const diagnosisTimeout = 2 * time.Minute

// Diagnose examines the topic step by step, from the connection to the messages. A failed step hides only the later
// ones. It calls each for the newest messages, one after another.
func Diagnose(ctx context.Context, c Config, each func(follow.Message) error) []doctor.Finding {
	ctx, cancel := context.WithTimeout(ctx, diagnosisTimeout)
	defer cancel()
	var e examination
	t, err := open(c)
	if err != nil {
		e.add(doctor.Error, doctor.Connection, doctor.OneLine(err.Error()), "check section stream of the configuration")
		return e.findings
	}
	e.Topic = t
	partitions, err := t.Partitions(ctx)
	if err != nil {
		e.failed(err)
		return e.findings
	}
	e.add(doctor.OK, doctor.Connection, "connected to "+t.at(), "")
	e.add(doctor.OK, CheckTopic, fmt.Sprintf("topic %s has %s", c.Topic, human.Quantity(int64(len(partitions)), "partition", "partitions")), "")
	e.examineSettings(ctx)
	e.examineGroup(ctx)
	e.examineMessages(ctx, partitions, each)
	return e.findings
}

type examination struct {
	*Topic
	findings []doctor.Finding
}

func (e *examination) add(level doctor.Level, check, message, hint string) {
	e.findings = append(e.findings, doctor.Finding{Side: string(order.Stream), Check: check, Level: level, Message: message, Hint: hint})
}

func (e *examination) failed(err error) {
	check := doctor.Connection
	switch {
	case errors.Is(err, ErrLogin):
		check = doctor.Login
	case errors.Is(err, ErrUnknown), errors.Is(err, ErrDenied):
		check = CheckTopic
	}
	e.add(doctor.Error, check, doctor.OneLine(err.Error()), Hint(err))
	if errors.Is(err, ErrDenied) {
		e.command(e.acl("--operation Read --operation Describe --operation DescribeConfigs --topic " + shellWord(e.config.Topic)))
	}
}

// acl is a command that gives the user a right.
func (e *examination) acl(what string) string {
	user := "NAME"
	if e.config.SASL != nil {
		user = e.config.SASL.User
	}
	return fmt.Sprintf("kafka-acls.sh --bootstrap-server %s --add --allow-principal %s %s", e.config.Brokers[0], shellWord("User:"+user), what)
}

// command is what mends the last finding.
func (e *examination) command(line string) {
	e.findings[len(e.findings)-1].Fixes = []doctor.Fix{{Command: line}}
}

var plainWord = regexp.MustCompile(`^[\w.:@/-]+$`)

// shellWord is a text as a shell reads it.
func shellWord(text string) string {
	if plainWord.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

func (e *examination) examineSettings(ctx context.Context) {
	var settings map[string]string
	err := e.ask(ctx, "settings", func(ctx context.Context, c *kafka.Client) error {
		var err error
		settings, err = e.settings(ctx, c, settingCleanup, settingRetention)
		return err
	})
	if err != nil {
		e.add(doctor.Info, CheckCleanup, "the topic's settings cannot be read: "+doctor.OneLine(err.Error()), "grant DESCRIBE_CONFIGS on the topic, so that crosscheck can refuse a compacted topic")
		e.command(e.acl("--operation DescribeConfigs --topic " + shellWord(e.config.Topic)))
		e.findings[len(e.findings)-1].Fixes[0].Optional = true
		return
	}
	policy := settings[settingCleanup]
	if strings.Contains(policy, "compact") {
		e.add(doctor.Error, CheckCleanup, settingCleanup+" is "+policy, Hint(ErrCompacted))
	} else {
		e.add(doctor.OK, CheckCleanup, settingCleanup+" is "+policy, "")
	}
	ms, err := strconv.ParseInt(settings[settingRetention], 10, 64)
	switch kept := time.Duration(ms) * time.Millisecond; {
	case err != nil:
	case ms < 0:
		e.add(doctor.OK, CheckRetention, "messages are kept for ever", "")
	case kept < shortRetention:
		e.add(doctor.Warning, CheckRetention, fmt.Sprintf("messages are kept for %s", kept), "raise retention.ms; if crosscheck is down for longer than that, it finds a gap")
	default:
		e.add(doctor.OK, CheckRetention, fmt.Sprintf("messages are kept for %s", kept), "")
	}
}

// shortRetention is less than a weekend, when nobody may look.
const shortRetention = 72 * time.Hour

// examineGroup asks whether partitions can be shared. Without the right to do so, one sidecar follows them all.
func (e *examination) examineGroup(ctx context.Context) {
	group := e.config.Group
	if group == "" {
		return
	}
	switch err := e.MayJoin(ctx, group); {
	case err == nil:
		e.add(doctor.OK, CheckGroup, "sidecars share the partitions in group "+group, "")
	case errors.Is(err, ErrForeign):
		e.add(doctor.Warning, CheckGroup, "one sidecar follows all partitions: "+doctor.OneLine(err.Error()), Hint(err))
	case errors.Is(err, ErrGroup):
		join := e.acl("--operation Read --group " + shellWord(group))
		e.add(doctor.Warning, CheckGroup, "one sidecar follows all partitions, because the user may not join group "+group, join)
		e.command(join)
	default:
		e.failed(err)
	}
}

// examineMessages looks at the end of each partition.
func (e *examination) examineMessages(ctx context.Context, partitions []follow.Partition, each func(follow.Message) error) {
	var all, unkeyed int
	err := e.newest(ctx, partitions, func(m follow.Message) error {
		all++
		if len(m.Key) == 0 {
			unkeyed++
		}
		return each(m)
	})
	held := slices.DeleteFunc(slices.Clone(partitions), func(p follow.Partition) bool { return p.End <= p.First })
	switch {
	case err != nil:
		e.failed(err)
		return
	case len(held) == 0:
		e.add(doctor.Warning, CheckMessages, "the topic is empty", "check that the producer writes to this topic")
		return
	case all == 0:
		e.add(doctor.Warning, CheckMessages, "there is no message at the end of any partition; transactions that were aborted leave none", "check that the producer writes to this topic")
		return
	}
	e.add(doctor.OK, CheckMessages, fmt.Sprintf("messages can be fetched from %d of %s", len(held), human.Quantity(int64(len(partitions)), "partition", "partitions")), "")
	if unkeyed > 0 && len(partitions) > 1 {
		e.add(doctor.Warning, CheckMessageKey, fmt.Sprintf("%d of the %d newest messages have no key, so the events of one order are spread over partitions and lose their order", unkeyed, all),
			"make the producer set the order's id as the message's key")
	}
}
