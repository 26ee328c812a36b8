package jobstest

import "testing"

func TestTheFakeIsAsTheRealOnes(t *testing.T) {
	f := New()
	Exercise(t, f, f)
}
