package verify

import (
	"context"
	"fmt"
	"slices"

	"github.com/nordvarg/crosscheck/order"
)

// Unsampled says why no uniform sample of two sides can be drawn; empty if one can. Whether integer keys are too sparse
// is estimated; only drawing shows it.
func Unsampled(ctx context.Context, t order.KeyType, legacy, projection Snapshot) (string, error) {
	s := snapshots{legacy, projection}
	l, p, err := both(s, func(n Snapshot) (Draws, error) { return n.Draws(ctx) })
	if err != nil {
		return "", err
	}
	why := unaddressed(l, p)
	if refused := refusal(t, l, p); refused != "" || why == "" {
		return refused, nil
	}
	first, second, err := both(s, func(n Snapshot) (Extent, error) { return n.Extent(ctx) })
	if err != nil || first.Empty && second.Empty {
		return "", err
	}
	span, err := span(first, second)
	if err == nil && float64(span)/float64(max(first.Rows, second.Rows)) > sparserDraw {
		return tooSparse + why, nil
	}
	return "", err
}

const tooSparse = "the keys are too sparse to be drawn from their range, and "

// refusal says what makes it impossible to draw keys of a type; empty if nothing does.
func refusal(t order.KeyType, legacy, projection Draws) string {
	switch {
	case legacy.NoLookup != "":
		return "in legacy, " + legacy.NoLookup
	case projection.NoLookup != "":
		return "in the projection, " + projection.NoLookup
	case t == order.KeyInteger:
		return ""
	}
	if why := unaddressed(legacy, projection); why != "" {
		return fmt.Sprintf("keys of type %s are drawn by the address of their row, and %s", t, why)
	}
	return ""
}

// unaddressed says why rows cannot be drawn by their address; empty if they can.
func unaddressed(legacy, projection Draws) string {
	switch {
	case legacy.NoAddress != "":
		return "legacy has no addresses: " + legacy.NoAddress
	case projection.NoAddress != "":
		return "the projection has no addresses: " + projection.NoAddress
	}
	return ""
}

// addressed is a side with its addresses.
type addressed struct {
	side  Snapshot
	draws Draws
}

const (
	// fewAddresses is up to how many addresses all rows are read: some megabytes. Drawing would not be cheaper.
	fewAddresses = 250_000
	// maxDraws limits how many addresses are tried, and mostPages how much is read instead: a few gigabytes.
	maxDraws, mostPages = 4_000_000, 500_000
	// mostDraws is how many addresses are tried at once.
	mostDraws = 50_000
)

// progress is how far the drawing of rows has come.
type progress struct {
	want, taken        int64 // rows
	tried, found       int64 // addresses, and rows at them
	total, pages, next int64 // addresses and pages of all files; how many addresses to try next
}

// left is how many addresses must still be tried, if chance was as bad as it may have been for the few rows so far.
func (g progress) left() int64 { return (g.want - g.taken) * g.tried / (g.taken + 3) }

// readAll returns true if reading all rows costs no more than going on. A page costs about as much as a draw, and a row
// about a tenth of it. Rows are counted with more, because their keys are kept in memory.
func (g progress) readAll() bool {
	if g.total <= fewAddresses || g.tried >= g.total {
		return true
	}
	if g.tried == 0 {
		return false
	}
	rows := float64(g.found) / float64(g.tried) * float64(g.total)
	return float64(g.pages)+rows/2 <= float64(min(g.left(), mostPages))
}

// drawRows tries random addresses of the sides until want keys have been taken. All addresses are equally likely, on
// whichever side, so all rows are, however full their pages are and whatever the planner expects (rejection sampling).
// For each side take gets the keys found there, and returns how many it has taken so far. It must take them in a random
// order, because the last batch finds too many. It returns false if it gave up before want without having seen all rows.
func drawRows(ctx context.Context, rng Random, want int64, take func(found [][]order.Key) (int64, error), sides ...addressed) (enough bool, err error) {
	g := progress{want: want, next: min(2*want+100, mostDraws)}
	for _, s := range sides {
		g.total, g.pages = g.total+s.draws.Addresses, g.pages+s.draws.Pages
	}
	for g.taken < want {
		if g.readAll() {
			found, err := keysAt(ctx, nil, sides)
			if err == nil {
				_, err = take(found)
			}
			return true, err
		}
		if g.tried+g.left() > maxDraws {
			return false, nil
		}
		addresses := make([]int64, g.next)
		for i := range addresses {
			addresses[i] = rng.Int64N(g.total)
		}
		found, err := keysAt(ctx, addresses, sides)
		if err != nil {
			return false, err
		}
		if g.taken, err = take(found); err != nil {
			return false, err
		}
		for _, keys := range found {
			g.found += int64(len(keys))
		}
		g.tried += g.next
		g.next = min((want-g.taken)*g.tried/max(g.taken, 1)*11/10+100, mostDraws)
	}
	return true, nil
}

// keysAt reads the rows at addresses that count through all sides; nil addresses are all.
func keysAt(ctx context.Context, addresses []int64, sides []addressed) ([][]order.Key, error) {
	out := make([][]order.Key, len(sides))
	var first int64
	for i, s := range sides {
		var own []int64
		for _, a := range addresses {
			if a >= first && a < first+s.draws.Addresses {
				own = append(own, a-first)
			}
		}
		first += s.draws.Addresses
		if addresses != nil && len(own) == 0 {
			continue
		}
		keys, err := s.side.At(ctx, own)
		if err != nil {
			return nil, err
		}
		out[i] = keys
	}
	return out, nil
}

// shuffled returns the keys, each once, in an order that depends only on the generator.
func shuffled(rng Random, keys []order.Key) []order.Key {
	keys = distinct(keys)
	for i := range len(keys) - 1 {
		j := i + int(rng.Int64N(int64(len(keys)-i)))
		keys[i], keys[j] = keys[j], keys[i]
	}
	return keys
}

// drawKeys draws up to want keys of one side; none if its rows have no addresses.
func drawKeys(ctx context.Context, rng Random, side Snapshot, want int) ([]order.Key, error) {
	d, err := side.Draws(ctx)
	if err != nil || d.NoAddress != "" || d.Addresses == 0 {
		return nil, err
	}
	var out []order.Key
	known := map[order.Key]bool{}
	_, err = drawRows(ctx, rng, int64(want), func(found [][]order.Key) (int64, error) {
		for _, k := range shuffled(rng, found[0]) {
			if !known[k] && len(out) < want {
				known[k] = true
				out = append(out, k)
			}
		}
		return int64(len(out)), nil
	}, addressed{side, d})
	return slices.Clip(out), err
}
