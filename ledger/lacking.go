package ledger

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// converts returns true for a database whose encoding does not take all bytes. The server converts, and refuses what the
// encoding lacks.
func converts(conn *pgconn.PgConn) bool {
	encoding := conn.ParameterStatus("server_encoding")
	return strings.HasPrefix(encoding, "EUC_") || encoding == "MULE_INTERNAL"
}

// spelledFor returns JSON as the database can store it: one value with a character that its encoding lacks must not prevent
// that all others are recorded. Which ones it lacks is not known here, so all outside ASCII are spelled.
func spelledFor(tx pgx.Tx, texts []string) []string {
	if !converts(tx.Conn().PgConn()) {
		return texts
	}
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = spell(text)
	}
	return out
}

// spell writes U+2603 between escape characters for a snowman.
func spell(json string) string {
	var out strings.Builder
	for _, r := range json {
		if r < utf8.RuneSelf {
			out.WriteByte(byte(r))
		} else {
			fmt.Fprintf(&out, `\u001bU+%04X\u001b`, r)
		}
	}
	return out.String()
}

var spelling = regexp.MustCompile(`\x1bU\+([0-9A-F]{4,6})\x1b`)

// unspell undoes [spell] in the text of a value.
func unspell(text string) string {
	return spelling.ReplaceAllStringFunc(text, func(s string) string {
		r, err := strconv.ParseInt(spelling.FindStringSubmatch(s)[1], 16, 32)
		if err != nil {
			return s
		}
		return string(rune(r))
	})
}
