package source

// InRanges makes everything be read in ranges of so many events.
func (f *Fold) InRanges(events int64) { f.rangeEvents = events }
