package source

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// between examines what needs both sides: whether they are two, and whether they can be compared.
func between(ctx context.Context, legacy, projection *examination) []doctor.Finding {
	if legacy.pool == nil || projection.pool == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, diagnosisTimeout)
	defer cancel()
	var out []doctor.Finding
	if legacy.readable && projection.readable {
		out = append(out, identityFindings(ctx, legacy, projection)...)
	}
	if f, ok := zonesFinding(legacy, projection); ok {
		out = append(out, f)
	}
	if f, ok := keysFinding(legacy, projection); ok {
		out = append(out, f)
	}
	if legacy.shape.keyType != "" && legacy.shape.keyType == projection.shape.keyType {
		if f, ok := samplingFinding(ctx, legacy, projection); ok {
			out = append(out, f)
		}
	}
	for _, field := range legacy.config.Fields {
		l, knownLegacy := legacy.fields[field.Name]
		p, knownProjection := projection.fields[field.Name]
		if !knownLegacy || !knownProjection {
			continue
		}
		if f, ok := typesFinding(field.Name, field.Type, l, p); ok {
			out = append(out, f)
		}
	}
	return append(out, hashFinding(ctx, legacy, projection))
}

// identityFindings say whether the two sides are two.
func identityFindings(ctx context.Context, legacy, projection *examination) []doctor.Finding {
	finding := func(side string, level doctor.Level, message, hint string) doctor.Finding {
		return doctor.Finding{Side: side, Check: CheckIdentity, Level: level, Message: message, Hint: hint}
	}
	common, err := InCommon(ctx, legacy.Side, projection.Side)
	switch {
	case err != nil && (legacy.hasError() || projection.hasError()):
		return nil
	case err != nil:
		return []doctor.Finding{failure(sideBoth, CheckIdentity, "telling the two tables apart", err)}
	case common.Itself != "":
		return []doctor.Finding{finding(sideBoth, doctor.Error, common.Itself, ItselfHint)}
	}
	var out []doctor.Finding
	for side, r := range map[*examination]reading{legacy: common.legacy, projection: common.projection} {
		other := projection.side()
		if side == projection {
			other = legacy.side()
		}
		for _, f := range r.strangers {
			out = append(out, finding(side.side(), doctor.Warning, fmt.Sprintf("rows come from another server, through foreign table %s; crosscheck cannot tell whether they are rows of %s", f, other),
				"check that the server is not the one that "+other+" is read from; a table always agrees with itself"))
		}
		for _, f := range r.functions {
			out = append(out, finding(side.side(), doctor.Warning, fmt.Sprintf("crosscheck cannot tell what function %s reads, and whether that is data of %s", f, other),
				"check that it reads no table of "+other+"; if it reads no table at all, declare it IMMUTABLE"))
		}
	}
	slices.SortFunc(out, func(a, b doctor.Finding) int { return strings.Compare(a.Side+a.Message, b.Side+b.Message) })
	if common.filled != "" {
		out = append(out, finding(sideBoth, doctor.Warning, "by what the materialized views were filled from, "+common.filled, "a comparison shows only whether they were refreshed"))
	}
	if len(out) == 0 {
		out = append(out, finding(sideBoth, doctor.OK, "the two tables are not the same", ""))
	}
	if len(common.shared) > 0 {
		out = append(out, finding(sideBoth, doctor.Info, "both sides read "+strings.Join(common.shared, ", "), "a wrong value in it is wrong on both sides, so no check finds it"))
	}
	return out
}

// keysFinding compares the types of the keys. It returns false if one is unknown, which has its own finding.
func keysFinding(l, p *examination) (doctor.Finding, bool) {
	legacy, projection := l.key, p.key
	if legacy.oid == 0 || projection.oid == 0 {
		return doctor.Finding{}, false
	}
	f := doctor.Finding{Side: sideBoth, Check: CheckKey, Level: doctor.OK, Message: fmt.Sprintf("keys are %s and %s", legacy.name, projection.name)}
	if legacy.family() != projection.family() {
		f.Level = doctor.Error
		f.Message = fmt.Sprintf("the key is %s in legacy and %s in the projection: no order can be found on the other side", legacy.name, projection.name)
		f.Hint = KeysAdvice(ConfiguredKey{order.Legacy, l.lookup, l.shape.keyType}, ConfiguredKey{order.Projection, p.lookup, p.shape.keyType})
	} else if loss := narrowed(legacy, projection); loss != "" {
		f.Level, f.Message = doctor.Warning, f.Message+": "+loss
		f.Hint = "widen the projection's key before an order needs it"
	}
	return f, true
}

// samplingFinding says whether samples can be drawn. It returns false if a side cannot be read, which has its own finding.
func samplingFinding(ctx context.Context, legacy, projection *examination) (doctor.Finding, bool) {
	f := doctor.Finding{Side: sideBoth, Check: CheckSampling, Level: doctor.OK, Message: "uniform samples can be drawn"}
	why, err := unsampled(ctx, legacy.Side, projection.Side)
	switch {
	case err != nil && (legacy.hasError() || projection.hasError()):
		return f, false
	case err != nil:
		f = failure(f.Side, f.Check, "finding out whether samples can be drawn", err)
	case why != "":
		f.Level, f.Message = doctor.Warning, "no uniform sample can be drawn: "+why
		f.Hint = "set sampler.schedule to off; a clean full verification then satisfies sample_bound. Or read a table or materialized view with an index on the key on both sides"
	}
	return f, true
}

func unsampled(ctx context.Context, legacy, projection *Side) (string, error) {
	l, err := legacy.Begin(ctx)
	if err != nil {
		return "", err
	}
	defer l.Close()
	p, err := projection.Begin(ctx)
	if err != nil {
		return "", err
	}
	defer p.Close()
	return verify.Unsampled(ctx, legacy.shape.keyType, l, p)
}

// probeSeed is arbitrary; passes draw their own.
const probeSeed = 0x2545f491

// hashFinding lets both servers digest the same known values.
func hashFinding(ctx context.Context, legacy, projection *examination) doctor.Finding {
	agree := func(portable bool) (bool, error) {
		h := verify.Hash{Seed: probeSeed, Portable: portable}
		l, err := legacy.Probe(ctx, h)
		if err != nil {
			return false, err
		}
		p, err := projection.Probe(ctx, h)
		return err == nil && slices.Equal(l, p), err
	}
	native, err := agree(false)
	if err != nil || native {
		return judgeHash(native, false, err)
	}
	portable, err := agree(true)
	return judgeHash(false, portable, err)
}

func judgeHash(native, portable bool, err error) doctor.Finding {
	f := doctor.Finding{Side: sideBoth, Check: CheckHash, Level: doctor.OK, Message: "both servers give the same digests for known values"}
	switch {
	case err != nil:
		f = failure(f.Side, f.Check, "digesting known values", err)
	case native:
	case portable:
		f.Level, f.Message = doctor.Warning, "the servers' hash functions disagree on known values: crosscheck uses portable digests, which are several times slower"
		f.Hint = "for fast digests use the same major version, architecture and encoding on both servers"
	default:
		f.Level, f.Message = doctor.Error, "the servers give different digests for known values, even portable ones: full verification is impossible"
		f.Hint = "compare the encodings of the two databases; crosscheck is tested with UTF8 on both"
	}
	return f
}

// IdentifyDatabase identifies the database behind a dsn, whatever name the dsn uses.
func IdentifyDatabase(ctx context.Context, name, dsn string) (Identity, error) {
	pool, err := connect(ctx, name, dsn)
	if err != nil {
		return Identity{}, err
	}
	defer pool.Close()
	return (&Side{pool: pool}).Identity(ctx)
}
