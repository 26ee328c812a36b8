package order

import "slices"

// TypeName is what the store calls an event type.
func (v Vocabulary) TypeName(t EventType) string {
	for name, known := range v.prepared().types {
		if known == t {
			return name
		}
	}
	return ""
}

// KeyName is what the store calls a payload key of an event type; empty where it has no such key.
func (v Vocabulary) KeyName(t EventType, key string) string {
	i := slices.IndexFunc(payloadKeys[t], func(k payloadKey) bool { return k.name == key })
	if i < 0 {
		return ""
	}
	return v.prepared().theirs[t][i]
}

// FieldNames are the names by which the store's modifications may call a field, sorted.
func (v Vocabulary) FieldNames(field string) []string {
	var out []string
	for name, known := range v.prepared().fields {
		if known == field {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// Modifiable lists the fields that a modification may change.
func Modifiable() []string { return slices.Clone(modifiable) }

// PayloadKeys lists the keys that the payload of an event type has in the default schema.
func PayloadKeys(t EventType) []string {
	var out []string
	for _, k := range payloadKeys[t] {
		out = append(out, k.name)
	}
	return out
}
