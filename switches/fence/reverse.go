package fence

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// This file lets a reverse feed write legacy while the fence is permanent, and at no other time: not before a cutover, when it would bring back what
// legacy has sent, and not after the way back, when it would overwrite what legacy's own writers have changed since.

// isFeed is the condition that the session is the feed's. Only a superuser can change who a session has logged in as, and superusers pass any
// trigger anyway. The current role would not do: members may take it, functions of its own run with it, and an apply worker writes as the owner of the table.
func (f *Fence) isFeed() string {
	return "(SESSION_USER OPERATOR(pg_catalog.=) " + literal(f.config.Reverse) + "::pg_catalog.name)"
}

// openNow is the condition that a writer may go on that has waited for the lock.
func (f *Fence) openNow() string {
	is := f.sealed() + " OPERATOR(pg_catalog.=) 1"
	if f.config.Reverse != "" {
		is = "(" + is + ") AND NOT " + f.isFeed()
	}
	return is
}

// feeds is the part of the body that lets the feed pass. The lock is asked for first: whoever has it alone has the feed drained too.
func (f *Fence) feeds(e event) string {
	if f.config.Reverse == "" || e == truncate {
		return ""
	}
	return fmt.Sprintf("\tIF %s THEN\n\t\tIF (CASE WHEN %s THEN %s OPERATOR(pg_catalog.>=) %d ELSE false END) THEN\n\t\t\tRETURN %s;\n\t\tEND IF;\n\t\t%s\tEND IF;\n",
		f.isFeed(), f.tried(e), f.sealed(), everything, e.returns(),
		strings.Replace(f.raise(""), "HINT = 'Write to the new system.'", "HINT = 'A reverse feed writes it only while the cutover keeps it closed for good.'", 1))
}

// Feed is what the server says of the role of the reverse feed.
type Feed struct {
	Role   string
	Exists bool
	// Sessions are how many have logged in to legacy as it.
	Sessions int
	// Super and Owns say that it could open the fence itself; Fencing that the fence's own connection logs in as it.
	Super, Fencing bool
	Owns           []string // tables
	// Lacks are the rights that it does not have, such as "INSERT on public.orders".
	Lacks []string
}

// Feed asks the server about the role of the reverse feed. It has no role if there is none.
func (f *Fence) Feed(ctx context.Context) (feed Feed, err error) {
	if f.config.Reverse == "" {
		return feed, nil
	}
	err = f.ask(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		feed, err = f.feed(ctx, conn)
		return err
	})
	return feed, err
}

func (f *Fence) feed(ctx context.Context, conn *pgx.Conn) (feed Feed, err error) {
	feed.Role = f.config.Reverse
	all, err := f.relations(ctx, conn)
	if err != nil {
		return feed, err
	}
	err = conn.QueryRow(ctx, `SELECT true, rolsuper, rolname = SESSION_USER, (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE usename = $1 AND datname = pg_catalog.current_database() AND pid <> pg_catalog.pg_backend_pid())
		FROM pg_catalog.pg_roles WHERE rolname = $1`, feed.Role).Scan(&feed.Exists, &feed.Super, &feed.Fencing, &feed.Sessions)
	for i := 0; err == nil && i < len(all); i++ {
		err = feed.rights(ctx, conn, all[i])
	}
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return feed, fmt.Errorf("asking about the role %s of the reverse feed: %w", feed.Role, err)
	}
	return feed, nil
}

// rights asks for those of one table. A superuser has all, and is not told as its owner.
func (feed *Feed) rights(ctx context.Context, conn *pgx.Conn, r relation) error {
	var owns bool
	var lacks []string
	if err := conn.QueryRow(ctx, `SELECT pg_catalog.pg_has_role($2::text::name, (SELECT relowner FROM pg_catalog.pg_class WHERE oid = $1), 'USAGE'),
			ARRAY(SELECT p FROM pg_catalog.unnest(ARRAY['INSERT', 'UPDATE', 'DELETE']) AS p WHERE NOT pg_catalog.has_table_privilege($2::text::name, $1::oid, p))`, r.OID, feed.Role).Scan(&owns, &lacks); err != nil {
		return err
	}
	if owns && !feed.Super {
		feed.Owns = append(feed.Owns, r.String())
	}
	for _, right := range lacks {
		feed.Lacks = append(feed.Lacks, right+" on "+r.String())
	}
	return nil
}

// Faults are why the feed cannot work; empty if it can.
func (feed Feed) Faults() (faults []string) {
	switch {
	case feed.Role == "":
	case !feed.Exists:
		faults = append(faults, "does not exist in legacy")
	case feed.Fencing:
		faults = append(faults, "is the one of cutover.fence.dsn: the feed needs a role of its own")
	case len(feed.Lacks) > 0:
		faults = append(faults, "lacks "+strings.Join(feed.Lacks, ", "))
	}
	return feed.named(faults)
}

// Doubts are why the role could do more than feed; empty if nothing speaks against it.
func (feed Feed) Doubts() (doubts []string) {
	if feed.Super {
		doubts = append(doubts, "is a superuser, who can take the fence off")
	}
	if len(feed.Owns) > 0 {
		doubts = append(doubts, "has the rights of the owner of "+strings.Join(feed.Owns, ", ")+", who can take the fence off")
	}
	return feed.named(doubts)
}

func (feed Feed) named(texts []string) []string {
	for i, text := range texts {
		texts[i] = fmt.Sprintf("the role %s of cutover.reverse %s", feed.Role, text)
	}
	return texts
}

// unused returns an error if the fence would refuse sessions that work now.
func (f *Fence) unused(ctx context.Context, conn *pgx.Conn) error {
	if f.config.Reverse == "" {
		return nil
	}
	feed, err := f.feed(ctx, conn)
	switch {
	case err != nil:
		return err
	case feed.Fencing:
		return fmt.Errorf("%w: %s", ErrOther, feed.Faults()[0])
	case feed.Sessions > 0:
		return fmt.Errorf("%w: %d sessions have logged in as the role %s of cutover.reverse, which writes only after a cutover: it must be a role of the feed alone, and the feed must rest until the fence is installed", ErrOther, feed.Sessions, feed.Role)
	}
	return nil
}
