package incident_test

import "testing"

func TestAStoppedStreamIsToldUntilItGoesOn(t *testing.T) {
	w := newWorld()
	f := open()
	f.StreamStopped = t0
	want(t, w.at(3, f), "#1 parent: The stream is not followed")
	want(t, w.at(4, f))
	unknown := open()
	unknown.Fingerprint = ""
	want(t, w.at(5, unknown))
	want(t, w.at(6, open()), "#1 edit: Resolved: The stream is not followed", "#1 reply: Resolved after 3m0s.")
}
