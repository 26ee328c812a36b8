package source

import "github.com/nordvarg/crosscheck/order"

// probeFields has one field of each type.
var probeFields = []Field{
	probe("a", order.Text), probe("b", order.Numeric), probe("c", order.Integer), probe("d", order.Boolean),
	probe("e", order.Timestamptz), probe("f", order.UUID), probe("g", order.Date),
}

func probe(name string, t order.FieldType) Field {
	return Field{Field: order.Field{Name: name, Type: t}, Expr: name}
}

// probeValues are rows that differ pairwise in one value each, in ways that hash functions are known not to notice. The
// first row is repeated with another scale: equal values, which must have the same hash. The last two rows have the same key
// and times that differ by 2^32 microseconds, less a bit: as 32 bits they are the same.
const probeValues = `
 (1::bigint, 'OPEN'::text, 5::numeric, 1::bigint, true, timestamptz '2024-01-01 00:00:00.000001+00', uuid '00000000-0000-0000-0000-000000000001', date '2024-01-01'),
 (1, 'OPEN', 5.00, 1, true, '2024-01-01 00:00:00.000001+00', '00000000-0000-0000-0000-000000000001', '2024-01-01'),
 (2, 'OPEN', -5, 1, true, '2024-01-01 00:00:00.000001+00', '00000000-0000-0000-0000-000000000001', '2024-01-01'),
 (3, 'OPEN', 5, 4294967296, true, '2024-01-01 00:00:00.000001+00', '00000000-0000-0000-0000-000000000001', '2024-01-01'),
 (4, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
 (5, '', 0, 0, false, 'infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 'infinity'),
 (6, 'plain text, and longer', 'NaN', -1, false, '-infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '-infinity'),
 (7, 'x', 123456789012345678901234567890.000000001, 9223372036854775807, false, '1969-12-31 23:59:59.999999+00', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '0001-01-01'),
 (8, 'x', 1, 1, false, '2000-01-01 00:00:00.000001+00', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '2024-01-01'),
 (8, 'x', 1, 1, false, '2000-01-01 01:11:34.967296+00', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '2024-01-01')`
