package gate

// FixedBound is the upper Clopper-Pearson bound on the share of bad orders after a single sample of n orders, drawn
// uniformly, of which bad were not proven equal: with the given confidence the share is not larger. It holds for
// one look at one sample; whoever looks again and again needs the bound of the sample_bound criterion.
func FixedBound(n, bad int64, confidence float64) float64 { return fixedUpper(n, bad, confidence) }
