package history

import (
	"slices"
	"strconv"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/order"
)

// Account is what legacy's records of one order come to.
type Account struct {
	Deeds    []Deed // in the order of their times
	Findings []Finding
}

// Reconstruct reads the row and the record of one order. It is a function of its arguments alone. The deeds, folded, give
// the row, unless a finding says why not.
func (s Schema) Reconstruct(row Row, record Record) Account {
	b := builder{Schema: s, row: row, record: record, roles: s.Rules.Roles(), first: slices.Clone(row.Values)}
	b.account.Deeds = make([]Deed, 0, len(record.Trades)+len(record.Audit)+2)
	onlyRow := b.onlyRow()
	if !onlyRow {
		b.add(Deed{Kind: Created, From: b.origin()}) // what else there is to say of it depends on the records
	}
	b.trades()
	b.lines()
	if onlyRow {
		b.imported()
	} else {
		b.created()
		b.lost()
		b.canceled()
	}
	b.judge()
	b.arrange()
	return b.account
}

// builder makes the account of one order.
type builder struct {
	Schema
	row     Row
	record  Record
	roles   order.Roles
	first   []order.Value // of the fields, when the order was created
	last    time.Time     // of the newest record
	gaps    names         // of changes that the log lacks
	filled  apd.Decimal   // by all trades
	paid    apd.Decimal   // for all trades
	account Account
}

// value is the row's value of a field; NULL if there is none.
func (b *builder) value(field string) order.Value {
	if i := b.at(field); i >= 0 {
		return b.row.Values[i]
	}
	return order.Null
}

func (b *builder) add(d Deed) {
	d.ID = identify(b.row.Key, d.Kind, d.From)
	b.account.Deeds = append(b.account.Deeds, d)
}

// trades makes a deed of each trade. One that the table has twice under one key counts once.
func (b *builder) trades() {
	var seen names
	for _, t := range b.record.Trades {
		b.seen(t.At)
		from := Source{Table: "trades", Key: t.Key}
		if from.Key == "" {
			from.Key = seen.name(t.At, t.Quantity.Text('f'), t.Price.Text('f'))
		} else if seen.times(t.Key) > 1 {
			b.find(DuplicateTrade, t.At, "trade %s is recorded more than once", t.Key)
			continue
		}
		exactly(apd.BaseContext.Add(&b.filled, &b.filled, &t.Quantity))
		var worth apd.Decimal
		exactly(apd.BaseContext.Mul(&worth, &t.Quantity, &t.Price))
		exactly(apd.BaseContext.Add(&b.paid, &b.paid, &worth))
		b.add(Deed{Kind: Traded, At: t.At, Recorded: t.At, Evidence: Exact, From: from, Quantity: t.Quantity, Price: t.Price})
	}
}

// lines makes a deed of each line that changes a field which events can change, and one of each change that lines have
// left out.
func (b *builder) lines() {
	if len(b.record.Audit) == 0 {
		return
	}
	var seen names
	was := make([]*Line, len(b.Fields)) // the last line of each field
	for i := range b.record.Audit {
		line := &b.record.Audit[i]
		b.seen(line.At)
		from := Source{Table: "audit_log", Key: line.Key}
		if from.Key == "" {
			from.Key = seen.name(line.At, line.Field, line.Old.Text, line.New.Text)
		}
		field := b.at(line.Field)
		switch {
		case field < 0 && line.Field != "":
			b.find(UnknownField, line.At, "the audit log has a change of %.60q, which is not a known field", line.Field)
		case line.Field == b.roles.Status && slices.Contains(b.roles.Canceled, line.New.Text):
			b.add(Deed{Kind: Canceled, At: line.At, Recorded: line.At, Evidence: Exact, From: from, Status: line.New.Text})
		case b.Rules.Modifies(line.Field):
			b.continues(field, was[field], line)
			b.add(Deed{Kind: Modified, At: line.At, Recorded: line.At, Evidence: Exact, From: from, Field: line.Field, Old: line.Old, New: line.New})
			was[field] = line
		}
	}
	for field, line := range was {
		if line != nil && !b.equal(line.Field, line.New, b.row.Values[field]) {
			b.find(BrokenChain, line.At, "%s was set to %s, and the row has %s", line.Field, show(line.New), show(b.row.Values[field]))
			b.gap(field, line, b.row.Values[field], b.row.ChangedAt)
		}
	}
}

// continues checks that a line goes on from where the one before ended. The first one tells the value at the creation.
func (b *builder) continues(field int, before, line *Line) {
	switch {
	case before == nil:
		b.first[field] = line.Old
	case !b.equal(line.Field, before.New, line.Old):
		b.find(BrokenChain, line.At, "%s was set to %s, and the next change begins with %s", line.Field, show(before.New), show(line.Old))
		b.gap(field, before, line.Old, line.At)
	}
}

// gap is a change that the audit log does not have: it happened between two times that are known.
func (b *builder) gap(field int, before *Line, to order.Value, until time.Time) {
	if until.Before(before.At) {
		until = before.At
	}
	name := "after " + before.At.UTC().Format(time.RFC3339Nano) + " " + b.Fields[field]
	name = b.gaps.numbered(name)
	b.add(Deed{
		Kind: Modified, At: until, NotBefore: before.At, NotAfter: until, Evidence: Approximated, Field: b.Fields[field], Old: before.New, New: to,
		From: Source{Table: "orders", Key: name},
	})
}

// onlyRow is true if something was filled, or the order was written, and no record says what.
func (b *builder) onlyRow() bool {
	if len(b.record.Audit)+len(b.record.Trades) > 0 {
		return false
	}
	filled, ok := number(b.value(b.roles.Filled))
	return b.row.CreatedAt.IsZero() || ok && filled.Sign() != 0
}

// imported is the row as it is.
func (b *builder) imported() {
	d := Deed{Kind: Imported, Evidence: FromRow, Sets: b.row.Values, From: b.origin()}
	at := newest(b.row.ChangedAt, b.row.CreatedAt, b.last) // what is recorded is in it
	d.At, d.Recorded, d.NotBefore, d.NotAfter = at, b.row.ChangedAt, b.row.CreatedAt, at
	b.add(d)
}

// lost is the row as it is, after what is recorded, if more is filled than the trades say.
func (b *builder) lost() {
	filled, ok := number(b.value(b.roles.Filled))
	if !ok || filled.Cmp(&b.filled) == 0 {
		return
	}
	b.find(FilledMismatch, b.row.ChangedAt, "%s is filled, and the trades come to %s", filled.Text('f'), b.filled.Text('f'))
	if filled.Cmp(&b.filled) > 0 {
		b.imported()
	}
}

// created is the order as it was entered.
func (b *builder) created() {
	d := &b.account.Deeds[0]
	d.At, d.Recorded, d.Evidence, d.Sets = b.row.CreatedAt, b.row.CreatedAt, Exact, b.first
	if b.record.Audit == nil || b.unrecorded() {
		d.Evidence = Derived // a change may be unrecorded
	}
	if d.At.IsZero() {
		d.At, d.NotAfter, d.Evidence = b.last, b.last, Approximated
		for i := range b.account.Deeds[1:] {
			if known := &b.account.Deeds[i+1]; known.At.Before(d.At) {
				d.At, d.NotAfter = known.At, known.At
			}
		}
	}
}

// unrecorded is true if the row was written, or may have been, after all that is known of it. A cancel that no line tells is
// known by that write.
func (b *builder) unrecorded() bool {
	if b.over() && !b.hasEnd() {
		return false
	}
	return b.row.ChangedAt.IsZero() || b.row.ChangedAt.After(newest(b.last, b.row.CreatedAt))
}

// hasEnd is true if a line tells the cancel.
func (b *builder) hasEnd() bool {
	for i := range b.account.Deeds {
		if b.account.Deeds[i].Kind == Canceled {
			return true
		}
	}
	return false
}

// over is true if the order was canceled.
func (b *builder) over() bool {
	status := b.value(b.roles.Status)
	return !status.Null && slices.Contains(b.roles.Canceled, status.Text)
}

// canceled is the end of an order whose row says so. If no line has its time, the last write of the row was the cancel,
// unless another record is as new, or the log has other changes of the status and must have lost this one.
func (b *builder) canceled() {
	if !b.over() || b.hasEnd() {
		return
	}
	d := Deed{Kind: Canceled, Evidence: Derived, At: b.row.ChangedAt, Recorded: b.row.ChangedAt, From: b.origin(), Status: b.value(b.roles.Status).Text}
	least := newest(b.last, b.row.CreatedAt)
	logged := slices.ContainsFunc(b.record.Audit, func(line Line) bool { return line.Field == b.roles.Status })
	if logged || !d.At.After(least) {
		d.At = newest(d.At, least)
		d.Evidence, d.NotBefore, d.NotAfter = Approximated, least, d.At
	}
	b.add(d)
}

// newest is the last of some times.
func newest(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }

// origin is the order's row.
func (b *builder) origin() Source { return Source{Table: "orders", Key: string(b.row.Key)} }

func (b *builder) seen(at time.Time) {
	if at.After(b.last) {
		b.last = at
	}
}

// rank orders deeds of one time.
var rank = map[Kind]int{Created: 0, Modified: 1, Traded: 2, Canceled: 3, Imported: 4}

// arrange sorts the deeds, and says of each trade what was filled, and what the order was for, after it.
func (b *builder) arrange() {
	b.sort()
	deeds := b.account.Deeds
	ordered := order.Null
	if i := b.at(b.roles.Ordered); i >= 0 {
		ordered = b.first[i]
	}
	var filled apd.Decimal
	for i := range deeds {
		switch d := &deeds[i]; {
		case d.Kind == Modified && d.Field == b.roles.Ordered:
			ordered = d.New
		case d.Kind == Traded:
			exactly(apd.BaseContext.Add(&filled, &filled, &d.Quantity))
			d.Filled.Set(&filled)
			if of, ok := number(ordered); ok {
				d.Ordered.Set(&of)
			}
		}
	}
}

// sort sorts the deeds, without moving them more than once: they are large.
func (b *builder) sort() {
	deeds := b.account.Deeds
	compare := func(i, j int) int {
		if c := deeds[i].At.Compare(deeds[j].At); c != 0 {
			return c
		}
		return rank[deeds[i].Kind] - rank[deeds[j].Kind]
	}
	sorted := true
	for i := range deeds[:len(deeds)-1] {
		sorted = sorted && compare(i, i+1) <= 0
	}
	if sorted {
		return
	}
	places := make([]int, len(deeds))
	for i := range places {
		places[i] = i
	}
	slices.SortStableFunc(places, compare)
	b.account.Deeds = make([]Deed, len(deeds))
	for i, at := range places {
		b.account.Deeds[i] = deeds[at]
	}
}

// names gives lines without a key a name by what they say. Equal lines are numbered.
type names struct {
	few  []named // the first ones
	many map[string]int
}

type named struct {
	name  string
	times int
}

// fewNames are found sooner one after another than in a map.
const fewNames = 16

func (n *names) name(at time.Time, says ...string) string {
	name := at.UTC().AppendFormat(nil, time.RFC3339Nano)
	for _, s := range says {
		name = strconv.AppendQuote(append(name, ' '), s)
	}
	return n.numbered(string(name))
}

// numbered is the name, with a number from the second time on.
func (n *names) numbered(name string) string {
	if times := n.times(name); times > 1 {
		return name + " " + strconv.Itoa(times)
	}
	return name
}

// times is how often there was the name, this time included.
func (n *names) times(name string) int {
	for i := range n.few {
		if n.few[i].name == name {
			n.few[i].times++
			return n.few[i].times
		}
	}
	if n.few == nil {
		n.few = make([]named, 0, 4)
	}
	if len(n.few) < fewNames {
		n.few = append(n.few, named{name, 1})
		return 1
	}
	if n.many == nil {
		n.many = map[string]int{}
	}
	n.many[name]++
	return n.many[name]
}
