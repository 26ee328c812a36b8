package history

import (
	"slices"
	"strings"
)

// Silent is a type of the store that a reconstruction never says.
type Silent struct {
	Type, Why string
	// Lost is true if legacy's orders may have had such a deed, and no other type says it.
	Lost bool
}

// Recorded is what legacy keeps of its orders.
type Recorded struct{ Audit, Trades bool }

// Silent are the types of the store's vocabulary that are never said, although their rules are known, by name.
func (s *Speaker) Silent(legacy Recorded) (out []Silent) {
	said := s.Types()
	for name, rule := range sorted(s.spec.Events) {
		if rule.Ignore {
			continue
		}
		switch fields := s.changedBy(name); {
		case s.silent[name]:
			out = append(out, Silent{name, "legacy has no record of what it says, because it changes no field of an order", true})
		case !slices.Contains(said, name) && len(fields) > 0:
			out = append(out, Silent{name, "it changes " + strings.Join(fields, ", ") + ", and a change is written as " + strings.Join(s.instead(fields), ", "), false})
		case !slices.Contains(said, name):
			out = append(out, Silent{name, "another type says the same: " + strings.Join([]string{s.creates.name, s.imports.name}, " or "), false})
		case !legacy.Trades && slices.ContainsFunc(s.trades, func(f form) bool { return f.name == name }):
			out = append(out, Silent{name, "without history.trades there is no record of trades", true})
		case !legacy.Audit && len(fields) > 0:
			out = append(out, Silent{name, "without history.audit_log there is no record of changes", true})
		}
	}
	return out
}

// changedBy are the fields that a type changes, sorted.
func (s *Speaker) changedBy(name string) (fields []string) {
	for field, types := range sorted(s.changing) {
		if slices.Contains(types, name) {
			fields = append(fields, field)
		}
	}
	return fields
}

// instead are the types that say a change of the fields.
func (s *Speaker) instead(fields []string) (types []string) {
	for _, field := range fields {
		if f := s.modifies[field]; f != nil && !slices.Contains(types, f.name) {
			types = append(types, f.name)
		}
	}
	return types
}
