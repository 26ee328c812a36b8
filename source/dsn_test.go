package source_test

import (
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/source"
)

func TestDSNFault(t *testing.T) {
	const password = "hunter2"
	for dsn, want := range map[string]string{
		"postgres://u:hunter2@h/d":                                        "",
		"host=h password=hunter2":                                         "",
		"postgres://u:hunter2@h/d?sslmode=maybe":                          "sslmode must be",
		"host=h password=hunter2 port=abc":                                "port must be",
		"postgres://u:hunter2%zz@h/d":                                     "is not a connection string",
		"postgres://u:hunter2@[::1:1/l":                                   "is not a connection string",
		"postgres://u:p@hunter2@h/d":                                      "the host has an @",
		"host=/run/db@1 password=hunter2":                                 "", // a socket
		"host=h password='hunter2":                                        "is not a connection string",
		"postgres://u:hunter2@h/d?connect_timeout=soon":                   "is not a connection string",
		"postgres://u:hunter2@h/d?pool_max_conns=many":                    "is not a connection string",
		"service=hunter2 servicefile=/nowhere":                            "", // files may come
		"postgres://u:hunter2@h/d?sslmode=verify-ca&sslrootcert=/nowhere": "",
	} {
		message, hint := source.DSNFault(dsn)
		if (message == "") != (want == "") || !strings.Contains(message, want) || (hint == "") != (want == "") || strings.Contains(message+hint, password) {
			t.Errorf("%s: %q, hint %q; want %q", dsn, message, hint, want)
		}
	}
	t.Setenv("PGPORT", "abc")
	if message, _ := source.DSNFault("host=h"); message != "" {
		t.Errorf("the environment's fault is said to be the dsn's: %s", message)
	}
}
