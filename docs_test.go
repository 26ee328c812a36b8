package crosscheck_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const page = "docs/architecture.md"

var (
	codeSpan = regexp.MustCompile("`([^`]+)`")
	goName   = regexp.MustCompile(`^\w+(\.\w+)*$`)
	aFile    = regexp.MustCompile(`^[\w./-]+(/[\w.-]+|\.(go|md|yaml))$`)
)

// TestArchitecturePageNamesWhatExists: each file that the page names exists, and each name of Go is declared: one with a
// package in that package, one without in the file that stands before it in the line. New files of examples are marked (new).
func TestArchitecturePageNamesWhatExists(t *testing.T) {
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	byPackage, byFile := declarations(t)
	checked := 0
	for i, line := range strings.Split(string(content), "\n") {
		file := ""
		for _, found := range codeSpan.FindAllStringSubmatch(line, -1) {
			text := found[1]
			pkg, name, _ := strings.Cut(text, ".")
			var known bool
			switch {
			case strings.Contains(line, "`"+text+"` (new)"):
				continue
			case aFile.MatchString(text):
				_, err := os.Stat(text)
				known = err == nil
				if path.Ext(text) == ".go" {
					file = text
				}
			case !goName.MatchString(text) || name == "" && (file == "" || strings.ToLower(text) == text) || strings.Contains(text, "_"):
				continue // a word of the configuration, or a value
			case byPackage[pkg] != nil && strings.ToLower(name) != name:
				known = byPackage[pkg][name]
			default:
				known = byFile[file][text]
			}
			if checked++; !known {
				t.Errorf("%s:%d: there is no %s (%s)", page, i+1, text, file)
			}
		}
	}
	if checked < 100 {
		t.Errorf("only %d names were looked up", checked)
	}
}

// declarations are the names that this repository declares, by package and by file: functions, types, values, and
// methods as Type.Method.
func declarations(t *testing.T) (byPackage, byFile map[string]map[string]bool) {
	t.Helper()
	byPackage, byFile = map[string]map[string]bool{}, map[string]map[string]bool{}
	for _, f := range goFiles(t) {
		parsed, err := parser.ParseFile(token.NewFileSet(), f.path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		names := map[string]bool{}
		for _, d := range parsed.Decls {
			for _, n := range declaredBy(d) {
				names[n] = true
			}
		}
		byFile[f.path] = names
		if byPackage[parsed.Name.Name] == nil {
			byPackage[parsed.Name.Name] = map[string]bool{}
		}
		maps.Copy(byPackage[parsed.Name.Name], names)
	}
	return byPackage, byFile
}

func declaredBy(d ast.Decl) (names []string) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			return []string{d.Name.Name}
		}
		receiver := d.Recv.List[0].Type
		if pointer, ok := receiver.(*ast.StarExpr); ok {
			receiver = pointer.X
		}
		if of, ok := receiver.(*ast.Ident); ok {
			return []string{of.Name + "." + d.Name.Name}
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				names = append(names, s.Name.Name)
			case *ast.ValueSpec:
				for _, n := range s.Names {
					names = append(names, n.Name)
				}
			}
		}
	}
	return names
}

// TestArchitecturePictureIsThePlan: each package of the plan stands in the picture once, and each import that the plan allows
// points to a lower line, or to the right.
func TestArchitecturePictureIsThePlan(t *testing.T) {
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, picture, _ := strings.Cut(string(content), "## The house\n\n```\n")
	picture, _, found := strings.Cut(picture, "```")
	if !found {
		t.Fatal("the page has no picture")
	}
	type place struct{ line, column int }
	places := map[string]place{}
	for line, text := range strings.Split(strings.TrimSpace(picture), "\n") {
		for column, word := range strings.Fields(text)[1:] {
			if word == "->" {
				continue
			}
			if _, twice := places[word]; twice || mayImport[word] == nil {
				t.Errorf("%s stands in the picture twice, or not in the plan", word)
			}
			places[word] = place{line, column}
		}
	}
	for _, from := range slices.Sorted(maps.Keys(mayImport)) {
		at, ok := places[from]
		if !ok {
			t.Errorf("%s is not in the picture", from)
		}
		for _, to := range mayImport[from] {
			if p := places[to]; p.line < at.line || p.line == at.line && p.column <= at.column {
				t.Errorf("%s imports %s, which does not stand below it or to its right", from, to)
			}
		}
	}
}
