package verify

// FirstRange makes the first range as small as a test needs it.
func (c *Comparison) FirstRange(rows int64) { c.firstRange = rows }

// LeastShared makes ranges that are shared as small as a test needs them.
func (c *Comparison) LeastShared(rows int64) { c.leastShared = rows }

// FirstPart makes the first part of the buckets that differ as small as a test needs it.
func (c *Comparison) FirstPart(rows int64) { c.firstPart = rows }
