package topic

import (
	"context"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/nordvarg/crosscheck/follow"
)

var _ follow.TimedStream = (*Topic)(nil)

// OffsetsAt returns the offset of the first message of each partition that is not older than at, by the message's time
// from the producer or the broker. Partitions without such a message are left out.
func (t *Topic) OffsetsAt(ctx context.Context, at time.Time) (map[int]int64, error) {
	var found map[int]int64
	err := t.ask(ctx, "offsets", func(ctx context.Context, c *kafka.Client) error {
		ids, err := t.partitionIDs(ctx, c)
		if err != nil {
			return err
		}
		var questions []kafka.OffsetRequest
		for _, id := range ids {
			questions = append(questions, kafka.TimeOffsetOf(id, at))
		}
		topic := t.config.Topic
		answer, err := c.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: questions}})
		if err != nil {
			return err
		}
		found = make(map[int]int64, len(ids))
		for _, p := range answer.Topics[topic] {
			if p.Error != nil {
				return fmt.Errorf("partition %d: %w", p.Partition, p.Error)
			}
			for offset := range p.Offsets {
				if offset >= 0 { // -1: there is none
					found[p.Partition] = offset
				}
			}
		}
		return nil
	})
	return found, err
}
