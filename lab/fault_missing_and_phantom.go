package lab

import "context"

// missingAndPhantom: as many orders are lost as are invented, so that counts agree, in total and by status.
var missingAndPhantom = Fault{
	Name:  "missing_and_phantom",
	About: "one order's first event is lost and another order's transaction is rolled back, so counts are equal",
	Hop:   LegacyToEvents,
	Cause: "lost_shadow_write",
	Pass:  FullPass,
	plant: func(ctx context.Context, l *Lab, n int) ([]Planted, error) {
		half := even(n) / 2
		var missing []workingOrder
		for range half {
			x, err := l.entry(ctx)
			if err != nil {
				return nil, err
			}
			if err := l.Desk.writeLegacy(ctx, x); err != nil {
				return nil, err
			}
			l.appendLater(x.event)
			l.freeze(x.after)
			missing = append(missing, x.after)
		}
		phantoms, err := plantPhantoms(ctx, l, half)
		planted := plantedAll(phantoms, Phantom)
		for i := range planted {
			planted[i].Hop, planted[i].Cause = phantomOrder.Hop, phantomOrder.Cause
		}
		return append(plantedAll(missing, Missing), planted...), err
	},
}
