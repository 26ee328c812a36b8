package ledger_test

import (
	"slices"
	"testing"
)

// TestASecretIsThatOfTheFirst who asks for it, by each name.
func TestASecretIsThatOfTheFirst(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	for _, c := range []struct{ name, fresh, want string }{{"form", "a", "a"}, {"form", "b", "a"}, {"other", "c", "c"}} {
		got, err := l.Secret(t.Context(), c.name, []byte(c.fresh))
		if err != nil || !slices.Equal(got, []byte(c.want)) {
			t.Errorf("%+v: got %q, %v", c, got, err)
		}
	}
}
