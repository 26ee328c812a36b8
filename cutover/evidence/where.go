package evidence

// FencedAt is the server and the database that a run has fenced, as its positions say; empty if they do not. [Moment.At] compares.
func FencedAt(at map[string]string) string { return at[legacyAt+serverOf] }

// At is the server and the database of a moment.
func (m Moment) At() string { return m.server() }
