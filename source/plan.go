package source

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/nordvarg/crosscheck/source/session"
)

// plan is a node of the planner's answer.
type plan struct {
	Node    string  `json:"Node Type"`
	Parent  string  `json:"Parent Relationship"`
	Name    string  `json:"Subplan Name"`
	Index   string  `json:"Index Name"`
	Cond    string  `json:"Index Cond"`
	Filter  string  `json:"Filter"`
	Recheck string  `json:"Recheck Cond"`
	Rows    float64 `json:"Plan Rows"`
	Cost    float64 `json:"Total Cost"`
	Alias   string  `json:"Alias"`
	// Remote is the statement for a foreign server; only in a verbose plan.
	Remote string `json:"Remote SQL"`
	// Schema and Relation are the table that the node reads; the schema only in a verbose plan.
	Schema   string `json:"Schema"`
	Relation string `json:"Relation Name"`
	Plans    []plan
}

// byIndex is the plan of a query that uses indexes if it can. For a view or an expression the planner knows more than the
// catalogue.
func (s *Side) byIndex(ctx context.Context, query string) (root plan, err error) {
	err = s.pool.Read(ctx, func(tx *session.Tx) error {
		if err := tx.Set(ctx, "SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_incremental_sort = off"); err != nil {
			return err
		}
		root, err = explain(ctx, tx, "(VERBOSE, FORMAT JSON)", query)
		return err
	})
	if err != nil {
		return plan{}, fmt.Errorf("looking for indexes: %w", err)
	}
	return root, nil
}

// inOrder asks whether an index serves a query for the first rows in an order.
func (s *Side) inOrder(ctx context.Context, query string) (bool, error) {
	root, err := s.byIndex(ctx, query)
	return err == nil && root.sorted(), err
}

// readsAll are nodes that read all of a table or of a function's result, or all that is below them before the first row.
var readsAll = []string{"Seq Scan", "Sample Scan", "Foreign Scan", "Function Scan", "Table Function Scan", "Sort", "Incremental Sort"}

func (p plan) byAnIndex() bool { return strings.Contains(p.Node, "Index") }

// sorted returns true if the plan reads rows in the order of an index.
func (p plan) sorted() bool {
	whole := slices.Contains(readsAll, p.Node) || p.byAnIndex() && p.Cond == ""
	return !whole && !slices.ContainsFunc(p.Plans, func(child plan) bool { return !child.sorted() })
}

// clauses are the parts of a condition that must all hold.
func clauses(cond string) (out []string) {
	cond = opened(cond)
	from, depth := 0, 0
	for _, at := range tokens.FindAllStringIndex(cond, -1) {
		switch cond[at[0]:at[1]] {
		case "(", "[":
			depth++
		case ")", "]":
			depth--
		case " AND ":
			if depth == 0 {
				out, from = append(out, opened(cond[from:at[0]])), at[1]
			}
		}
	}
	return append(out, opened(cond[from:]))
}

// opened is an expression without the parentheses around it.
func opened(expr string) string {
	for enclosed(expr) {
		expr = expr[1 : len(expr)-1]
	}
	return expr
}

// enclosed returns true if one pair of parentheses holds all of an expression.
func enclosed(expr string) bool {
	depth := 0
	for _, at := range tokens.FindAllStringIndex(expr, -1) {
		switch expr[at[0]:at[1]] {
		case "(":
			depth++
		case ")":
			if depth--; depth == 0 {
				return expr[0] == '(' && at[1] == len(expr)
			}
		}
	}
	return false
}

var (
	tokens  = regexp.MustCompile(`'(?:[^']|'')*'|"(?:[^"]|"")*"| AND |[()\[\]]`)
	collate = regexp.MustCompile(`\s*\bCOLLATE ("(?:[^"]|"")*"|\w+)(\."(?:[^"]|"")*"|\.\w+)?`)
	spaces  = regexp.MustCompile(`'(?:[^']|'')*'|"(?:[^"]|"")*"|[()\s]+`)
)

// bare is an expression without what the server adds or leaves out: the alias of the table, parentheses, blanks, a collation.
func bare(expr, alias string) string {
	expr = collate.ReplaceAllString(unaliased(expr, alias), "")
	return spaces.ReplaceAllStringFunc(expr, func(s string) string {
		if s[0] == '\'' || s[0] == '"' {
			return s
		}
		return ""
	})
}

// unaliased is an expression without the alias before its columns.
func unaliased(expr, alias string) string {
	return names.ReplaceAllStringFunc(expr, func(s string) string {
		if s == alias+"." || s == quoted(alias)+"." {
			return ""
		}
		return s
	})
}

var names = regexp.MustCompile(`'(?:[^']|'')*'|(?:"(?:[^"]|"")*"|[\p{L}_][\p{L}\d_$]*)\.?`)
