package topic

import (
	"context"
	"fmt"

	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/order"
)

// opened returns the messages in the form of order.DecodeMessage, without those that publish no event.
func (t *Topic) opened(ctx context.Context, f fetched) ([]follow.Message, error) {
	if t.config.Open == nil {
		for i := range f.messages {
			if o, is := order.FromConnect(f.messages[i].Value); is {
				become(&f.messages[i], o)
			}
		}
		return f.messages, nil
	}
	out := f.messages[:0]
	for i, m := range f.messages {
		o, err := t.config.Open(ctx, order.Record{Key: m.Key, Value: m.Value, Headers: f.headers[i], Time: m.Time})
		if err != nil {
			return nil, fmt.Errorf("%w: offset %d: %w", ErrUnopened, m.Offset, err)
		}
		if o.Skip {
			continue
		}
		become(&m, o)
		out = append(out, m)
	}
	return out, nil
}

// become gives a message what its record says.
func become(m *follow.Message, o order.Opened) {
	if m.Value, m.Problem = o.Value, o.Problem; m.Problem != nil {
		m.Problem = fmt.Errorf("partition %d, offset %d: %w", m.Partition, m.Offset, m.Problem)
	}
}
