package config

// Verify says how full verifications read.
type Verify struct {
	// Connections is how many connections a full verification uses to digest a side, 1 to 16. More than one is faster where the
	// server has idle cores. Default 1.
	Connections int
}

const mostConnections = 16

func readVerify(o *object, v *Verify) {
	v.Connections = 1
	if o == nil {
		return
	}
	connections := int64(1)
	o.whole("connections", &connections, 1, mostConnections)
	v.Connections = int(connections)
	o.done()
}
