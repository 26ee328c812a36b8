package gate

import "time"

// Streak is what the finished full and sample passes under the present fingerprint say, read backwards from the newest
// until one diverged.
type Streak struct {
	// Clean is the number of passes that ended as match; Unjudged of those that ended lagging or unverified, which
	// neither count nor end the streak.
	Clean, Unjudged int64
	// Since is when the oldest pass that matched started, Newest when the newest did; zero without one.
	Since, Newest time.Time
	// Broken is when the pass started that diverged last; zero when none did.
	Broken time.Time
}

// HistoryEvidence is what an audit of legacy's own history has shown: Orders is the number of orders audited,
// Consistent how many of them agree with their audit log and trades.
type HistoryEvidence struct {
	Orders, Consistent int64
	At                 time.Time
}

// Rehearsal is one rehearsed cutover or rollback.
type Rehearsal struct {
	At   time.Time // start
	Took time.Duration
	OK   bool // reached its end with every check passed
}

// RehearsalEvidence holds the rehearsals under the present fingerprint, the newest first.
type RehearsalEvidence struct {
	Cutovers, Rollbacks []Rehearsal
}
