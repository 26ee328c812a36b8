package verify

// FirstRange makes the first range as small as a test needs it.
func (c *Comparison) FirstRange(rows int64) { c.firstRange = rows }
