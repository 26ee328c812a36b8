package source

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/order"
)

func (e *examination) examineKey(ctx context.Context) {
	if keyType, ok := e.examineKeyType(ctx); ok {
		e.examineKeyIndex(ctx, keyType)
		e.examineUniqueKey(ctx)
	}
}

func (e *examination) examineKeyType(ctx context.Context) (order.KeyType, bool) {
	keyType, n, err := e.resolveKey(ctx)
	switch {
	case errors.Is(err, ErrUnsupported):
		e.add(doctor.Error, CheckKey, fmt.Sprintf("key %s is %s; integers, uuid and text are supported", e.config.Key, n.name),
			e.keyHint(ctx, n))
		return "", false
	case err != nil:
		e.column(CheckKey, "key "+e.config.Key, err)
		return "", false
	}
	e.key, e.shape.keyType = n, keyType
	e.add(doctor.OK, CheckKey, fmt.Sprintf("key %s is %s", e.lookup, n.name), "")
	return keyType, true
}

func (e *examination) keyHint(ctx context.Context, n native) string {
	expr := castKey(e.config.Key, n)
	hint := "map it with an expression, such as key: " + yamlText(expr)
	if ok, err := e.indexable(ctx, expr); err == nil && !ok {
		return hint + "; no index can have that expression, so a column of type text is better"
	}
	if index := e.indexRemedy(ctx, true, expr).hint; strings.HasPrefix(index, "CREATE") {
		return hint + ", with the index that it needs: " + index
	}
	return hint + ", and give that expression an index"
}

func (e *examination) examineKeyIndex(ctx context.Context, t order.KeyType) {
	switch l, err := e.served(ctx, e.stored(), keyCast(t), zeroKey(t)); {
	case err != nil:
		e.failed(CheckKeyIndex, "looking for an index on the key", err)
	case !l.ok && e.relation.kind == "f":
		e.add(doctor.Info, CheckKeyIndex, "whether the key has an index on the foreign server is not known",
			"without one, each lookup by key reads the whole table there")
	case !l.ok:
		e.addRemedy(doctor.Warning, CheckKeyIndex, "the key has no usable index"+l.passedOver()+": each lookup by key, and each bucket that differs, reads the whole table",
			e.keyIndexRemedy(ctx, l, true, e.lookup))
	default:
		e.add(doctor.OK, CheckKeyIndex, "the key has an index", "")
	}
}

// examineUniqueKey looks for proof that no key occurs twice. Equal duplicates on both sides are not a difference.
func (e *examination) examineUniqueKey(ctx context.Context) {
	const unseen = "an order that occurs twice, in the same way on both sides, is not a difference and is not reported"
	if !e.ownColumn(e.key) {
		e.add(doctor.Info, CheckUniqueKey, "for a view or an expression it is not known whether a key can occur twice", unseen)
		return
	}
	unique, err := e.unique(ctx, e.key)
	switch {
	case err != nil:
		e.failed(CheckUniqueKey, "looking for a unique index on the key", err)
	case !unique:
		e.addRemedy(doctor.Warning, CheckUniqueKey, "no unique index prevents duplicate keys; "+unseen,
			e.indexRemedy(ctx, true, e.lookup))
	default:
		e.add(doctor.OK, CheckUniqueKey, "keys are unique", "")
	}
}

// ownColumn returns true for a column of the configured table itself. The catalogue describes only these.
func (e *examination) ownColumn(n native) bool {
	return e.relation.kind != "v" && e.relation.kind != "f" && e.relation.oid != 0 && n.table == e.relation.oid
}

func (e *examination) unique(ctx context.Context, n native) (unique bool, err error) {
	err = e.pool.QueryRow(ctx, uniqueIndex, e.relation.oid, int16(n.column)).Scan(&unique)
	return unique, err
}

func (e *examination) examineFields(ctx context.Context) {
	good := 0
	for _, f := range e.config.Fields {
		n, err := e.resolveField(ctx, f)
		switch {
		case errors.Is(err, ErrUnsupported):
			e.fields[f.Name], e.rejected[f.Name] = n, true
			e.noteZoneless(f.Expr, n)
			e.add(doctor.Error, CheckField, fmt.Sprintf("%s is %s, which cannot be compared as %s", f.Name, n.name, f.Type), e.mapping(f, n))
		case err != nil:
			e.column(CheckField, f.Name, err)
		default:
			e.fields[f.Name] = n
			e.noteZoneless(f.Expr, n)
			good++
		}
	}
	if good > 0 {
		e.add(doctor.OK, CheckField, fmt.Sprintf("%d of %s can be read and compared", good, human.Quantity(int64(len(e.config.Fields)), "field", "fields")), "")
	}
}

// mapping returns what to write in config.yaml for a field whose type does not fit.
func (e *examination) mapping(f Field, n native) string {
	hint := advice(f, n, func(expr string) string { return "such as " + e.side() + ": " + yamlText(expr) })
	if n.oid == pgtype.Float4OID || n.oid == pgtype.Float8OID {
		hint += "; a float does not hold decimals exactly: set a tolerance if the other side is none"
	}
	return hint
}

// examineChangedAt checks the column that tells lag and recent changes.
func (e *examination) examineChangedAt(ctx context.Context) {
	name := e.config.ChangedAt
	if name == "" {
		e.add(doctor.Info, CheckChangedAt, "changed_at is not configured: samples do not look at the newest changes first, and lag is told from divergence only by waiting",
			"if there is a column with the time of the last write, set changed_at to it")
		return
	}
	n, err := e.typeOf(ctx, name)
	if err != nil {
		e.column(CheckChangedAt, name, err)
		return
	}
	switch n.oid {
	case pgtype.TimestamptzOID:
	case pgtype.TimestampOID:
		e.noteZoneless(name, n)
		e.add(doctor.Info, CheckChangedAt, name+" is "+n.name+" and is read as UTC", "an expression such as "+name+" AT TIME ZONE 'Europe/Paris' changes that; the expression needs its own index")
	default:
		e.add(doctor.Error, CheckChangedAt, fmt.Sprintf("%s is %s, not a timestamp", name, n.name), "set changed_at to a column of type timestamptz, or leave it out")
		return
	}
	switch indexed, err := e.timeIndexed(ctx); {
	case err != nil:
		e.failed(CheckChangedAt, "looking for an index on "+name, err)
	case !indexed:
		e.addRemedy(doctor.Warning, CheckChangedAt, "no usable index on "+name+": samples do not look at the newest changes first", e.indexRemedy(ctx, false, name))
	default:
		e.add(doctor.OK, CheckChangedAt, "there is an index on "+name, "")
	}
}

// column adds an error of a query about one column or expression.
func (e *examination) column(check, what string, err error) {
	if e.lost(what, err) {
		return
	}
	mend := remedy{hint: nextStep(err)}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch {
		case pg.Code == "42703" && len(e.relation.columns) > 0:
			mend.hint = fmt.Sprintf("%s has the columns %s; map a field with %s: <column or expression>", e.relation, few(e.relation.columns), e.side())
		case pg.Code == "42501" && !hidesRows(err) && e.relation.oid != 0:
			mend = e.ownersFix(doctor.Access, fmt.Sprintf("GRANT SELECT ON %s TO %s", quoted(e.relation.schema, e.relation.name), quoted(e.server.role)))
		}
	}
	e.addRemedy(doctor.Error, check, what+": "+saidBy(err), mend)
}

func few(names []string) string {
	const most = 40
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

// yamlText returns an expression in a form for config.yaml.
func yamlText(expression string) string {
	return "'" + strings.ReplaceAll(expression, "'", "''") + "'"
}
