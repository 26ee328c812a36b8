// Package crosscheck_test holds the house to its plan: which way imports point, which library lives where,
// and what must not be in the files.
package crosscheck_test

import (
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/nordvarg/crosscheck"

// mayImport is the plan: package → the packages of ours that it may import. A package's own sub-packages are its
// own affair. Imports point downwards, no adapter imports another, leaves import nothing of ours.
var mayImport = map[string][]string{
	"cmd/crosscheck":     {"certificate", "source", "readpath", "reads", "topic", "registry", "ledger", "jobs", "web", "alerts", "board", "sampler", "explain", "repair", "verify", "follow", "backfill", "eventlog", "config", "compare", "history", "gate", "incident", "order", "lease", "metrics", "doctor", "human", "propose", "throttle", "switches", "cutover", "cutover/run", "cutover/steps", "cutover/evidence", "cutover/report"},
	"cmd/crosscheck-lab": {"lab", "human"},

	"readpath":    {"reads"},
	"source":      {"throttle", "reads", "cutover/evidence", "repair", "verify", "follow", "propose", "history", "order", "doctor", "human"},
	"topic":       {"follow", "doctor", "order", "human"},
	"registry":    {"order"},
	"ledger":      {"throttle", "board", "verify", "follow", "backfill", "cutover/report", "cutover/run", "cutover", "compare", "gate", "incident", "order", "lease"},
	"jobs":        {"verify", "backfill"},
	"eventlog":    {"throttle", "backfill", "doctor", "order"}, // the only room that writes to the event store
	"switches":    {},                                          // the only room that writes to legacy
	"alerts":      {"incident", "lease", "doctor"},
	"certificate": {"order"},
	"web":         {"docs", "throttle", "board", "explain", "verify", "cutover/report", "cutover/run", "cutover", "compare", "gate", "order", "human"},
	"lab":         {}, // shares no code with what judges it

	"sampler":          {"verify", "lease"},
	"explain":          {"verify", "follow", "compare", "history", "order", "human"},
	"repair":           {"verify", "compare", "history", "order", "human"},
	"reads":            {"verify", "compare", "order", "lease"},
	"verify":           {"throttle", "compare", "history", "order", "lease", "human"},
	"follow":           {"compare", "order", "lease"},
	"backfill":         {"throttle", "verify", "history", "order", "lease"},
	"cutover/run":      {"cutover", "lease", "human"},
	"cutover/steps":    {"cutover/run", "cutover"},
	"cutover/evidence": {"cutover/steps"},
	"cutover/report":   {"cutover/run", "cutover", "human"},
	"board":            {"throttle", "verify", "compare", "gate", "incident", "metrics", "order"},

	"propose": {"config", "order", "human"},
	"config":  {"throttle", "compare", "history", "gate", "order"}, // reads into their own types; only wiring reads it

	"compare":  {"history", "order", "human"},
	"history":  {"order"},
	"gate":     {"order", "human"},
	"incident": {"order", "human"},
	"cutover":  {},

	"order":    {},
	"lease":    {},
	"throttle": {},

	"metrics":    {},
	"doctor":     {},
	"human":      {},
	"dashboards": {},
	"docs":       {}, // the documentation, for the page
}

// livesIn says which packages may import a library in code that ships; "*" is all of them, none is tests only.
var livesIn = map[string][]string{
	"github.com/jackc/pgx/v5":                    {"source", "ledger", "jobs", "eventlog", "switches", "lab"},
	"github.com/transparency-dev/merkle":         {"certificate"},
	"github.com/klauspost/compress":              {"certificate"},
	"github.com/pressly/goose/v3":                {"ledger"},
	"github.com/riverqueue/river":                {"jobs"},
	"github.com/cockroachdb/apd/v3":              {"order", "history", "compare", "config"},
	"github.com/google/uuid":                     {"history"},
	"go.yaml.in/yaml/v4":                         {"config"},
	"github.com/robfig/cron/v3":                  {"config"},
	"github.com/go-co-op/gocron/v2":              {"sampler"},
	"github.com/prometheus/client_golang":        {"metrics"},
	"github.com/alecthomas/kong":                 {"cmd/crosscheck", "cmd/crosscheck-lab"},
	"github.com/vbauerster/mpb/v8":               {"cmd/crosscheck"},
	"github.com/fergusstrange/embedded-postgres": {"lab"},
	"github.com/segmentio/kafka-go":              {"topic", "lab"},
	"github.com/twmb/franz-go":                   {"lab"},
	"github.com/anishathalye/porcupine":          {"lab"},
	"github.com/hamba/avro/v2":                   {"registry"},
	"github.com/HdrHistogram/hdrhistogram-go":    {"reads"},
	"golang.org/x/sync":                          {"*"},
	"golang.org/x/sys":                           {"source"},
	"golang.org/x/text":                          {"source"},
	"github.com/slack-go/slack":                  {"alerts"},
	"github.com/prometheus/exporter-toolkit":     {"web"},
	"go.yaml.in/yaml/v2":                         {"web"}, // the toolkit's own format
	"github.com/yuin/goldmark":                   {"web"},
	"github.com/chromedp":                        {},
	"github.com/google/go-cmp":                   {},
	"github.com/getkin/kin-openapi":              {},
	"github.com/prometheus/common":               {},
	"github.com/prometheus/prometheus":           {}, // its parser, for the queries of dashboards and rules
	"github.com/rogpeppe/go-internal":            {},
	"github.com/Shopify/toxiproxy/v2":            {},
	"github.com/rs/zerolog":                      {}, // toxiproxy asks for a logger
	"go.uber.org/goleak":                         {},
	"pgregory.net/rapid":                         {},
}

// goFile is one file of Go in this repository.
type goFile struct {
	path    string // slash-separated, from the root
	pkg     string // folder, "." for the root
	test    bool   // a test, or a kit that only tests link
	lines   int
	imports []string
}

// part is the entry of mayImport that a package belongs to: itself, or the nearest folder above it.
func part(pkg string) string {
	for p := pkg; p != "."; p = path.Dir(p) {
		if _, ok := mayImport[p]; ok {
			return p
		}
	}
	return pkg
}

func TestImportsPointDownwards(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.test || f.pkg == "." {
			continue
		}
		from := part(f.pkg)
		allowed, planned := mayImport[from]
		if !planned {
			t.Errorf("%s: package %s has no place in the plan; give it one in architecture_test.go", f.path, f.pkg)
			continue
		}
		for _, imported := range f.imports {
			to, ours := strings.CutPrefix(imported, module+"/")
			if !ours || part(to) == from || slices.Contains(allowed, part(to)) {
				continue
			}
			t.Errorf("%s: %s must not import %s", f.path, from, to)
		}
	}
}

// TestThePlanAllowsOnlyWhatIsUsed: a plan with arrows and libraries that nobody needs says nothing about the house.
func TestThePlanAllowsOnlyWhatIsUsed(t *testing.T) {
	type edge struct{ from, to string }
	used := map[edge]bool{}       // by code that ships
	imported := map[string]bool{} // libraries, by tests too
	for _, f := range goFiles(t) {
		for _, name := range f.imports {
			to, ours := strings.CutPrefix(name, module+"/")
			if to = part(to); !ours {
				to = libraryOf(name)
				imported[to] = true
			}
			if !f.test {
				used[edge{part(f.pkg), to}] = true
			}
		}
	}
	for from, allowed := range mayImport {
		for _, to := range allowed {
			if !used[edge{from, to}] {
				t.Errorf("%s does not import %s: take the arrow out of the plan", from, to)
			}
		}
	}
	for library, homes := range livesIn {
		if !imported[library] {
			t.Errorf("nothing imports %s: take it out of the plan", library)
		}
		for _, home := range homes {
			if home != "*" && !used[edge{home, library}] {
				t.Errorf("%s does not import %s: take it out of the library's homes", home, library)
			}
		}
	}
}

func TestThePlanHasNoCycle(t *testing.T) {
	for pkg := range mayImport {
		if slices.Contains(reachable(pkg), pkg) {
			t.Errorf("%s may import itself by a detour", pkg)
		}
	}
	if slices.Contains(reachable("cmd/crosscheck"), "lab") {
		t.Error("the lab may be linked into crosscheck")
	}
}

// reachable is everything that a package may import, directly or not.
func reachable(pkg string) []string {
	seen := map[string]bool{}
	queue := slices.Clone(mayImport[pkg])
	for len(queue) > 0 {
		next := queue[0]
		queue = queue[1:]
		if !seen[next] {
			seen[next] = true
			queue = append(queue, mayImport[next]...)
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// TestTheLabIsNotLinkedIntoCrosscheck asks the build itself, tests and build tags aside.
func TestTheLabIsNotLinkedIntoCrosscheck(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "./cmd/crosscheck").Output()
	if err != nil {
		t.Fatalf("listing what crosscheck is made of: %v", err)
	}
	banned := []string{module + "/lab", "github.com/prometheus/prometheus", "github.com/fergusstrange/", "github.com/twmb/", "github.com/google/go-cmp", "go.uber.org/goleak", "pgregory.net/rapid", "testing"}
	for dependency := range strings.Lines(string(out)) {
		dependency = strings.TrimSpace(dependency)
		for _, b := range banned {
			if dependency == b || strings.HasPrefix(dependency, strings.TrimSuffix(b, "/")+"/") {
				t.Errorf("crosscheck links %s", dependency)
			}
		}
	}
}

func TestEachLibraryLivesInItsPackage(t *testing.T) {
	for _, f := range goFiles(t) {
		for _, imported := range f.imports {
			if !strings.Contains(strings.Split(imported, "/")[0], ".") || strings.HasPrefix(imported, module) {
				continue
			}
			library := libraryOf(imported)
			if library == "" {
				t.Errorf("%s imports %s: say in architecture_test.go where that library lives", f.path, imported)
				continue
			}
			homes := livesIn[library]
			if !f.test && !slices.Contains(homes, "*") && !slices.Contains(homes, part(f.pkg)) {
				t.Errorf("%s imports %s, which lives in %v", f.path, imported, homes)
			}
		}
	}
}

func libraryOf(imported string) string {
	for library := range livesIn {
		if imported == library || strings.HasPrefix(imported, library+"/") {
			return library
		}
	}
	return ""
}

func TestFilesHoldOneSubject(t *testing.T) {
	const code, test = 450, 650
	for _, f := range goFiles(t) {
		if limit := map[bool]int{false: code, true: test}[f.test]; f.lines > limit {
			t.Errorf("%s has %d lines, the limit is %d: it may hold more than one subject", f.path, f.lines, limit)
		}
	}
}

// TestNoBuiltFileIsAmongTheFiles: a program that was built and added by mistake stays in every clone.
func TestNoBuiltFileIsAmongTheFiles(t *testing.T) {
	const most = 512 << 10
	for _, name := range files(t) {
		is, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if is.Size() > most {
			t.Errorf("%s has %d bytes, the limit is %d: was it built?", name, is.Size(), most)
		}
	}
}

// TestNothingOfThisMachineIsInTheFiles looks for home folders and for the module proxy of whoever wrote a file.
func TestNothingOfThisMachineIsInTheFiles(t *testing.T) {
	machine := regexp.MustCompile(`(^|[\s"'=(])/(root|work|farm|Users|home/[a-z][a-z0-9_-]*)/`)
	proxies := proxyHosts(t)
	for _, name := range files(t) {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(content), "\n") {
			if machine.MatchString(line) && name != "architecture_test.go" {
				t.Errorf("%s:%d names a folder of one machine: %s", name, i+1, line)
			}
			for _, host := range proxies {
				if strings.Contains(line, host) {
					t.Errorf("%s:%d names the module proxy %s", name, i+1, host)
				}
			}
		}
	}
}

// proxyHosts are the hosts of the module proxies in use here, the public one aside.
func proxyHosts(t *testing.T) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOPROXY").Output()
	if err != nil {
		t.Fatal(err)
	}
	var hosts []string
	for _, proxy := range strings.FieldsFunc(strings.TrimSpace(string(out)), func(r rune) bool { return r == ',' || r == '|' }) {
		_, address, isURL := strings.Cut(proxy, "://")
		host, _, _ := strings.Cut(address, "/")
		if isURL && host != "proxy.golang.org" {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// goFiles returns every Go file that is in the repository or about to be.
func goFiles(t *testing.T) []goFile {
	t.Helper()
	var found []goFile
	for _, name := range files(t) {
		if path.Ext(name) != ".go" || strings.Contains(name, "testdata/") {
			continue
		}
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, content, parser.ImportsOnly)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		f := goFile{path: name, pkg: path.Dir(name), lines: strings.Count(string(content), "\n")}
		f.test = strings.HasSuffix(name, "_test.go") || strings.HasSuffix(f.pkg, "test")
		for _, i := range parsed.Imports {
			imported, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			f.imports = append(f.imports, imported)
		}
		found = append(found, f)
	}
	if len(found) == 0 {
		t.Fatal("no Go files were found")
	}
	return found
}

// files returns what is in the folder and not ignored by git. The walk is there for the cache of go test too: it
// sees which folders a test has looked into, and runs it again when they change.
func files(t *testing.T) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(".", func(name string, entry os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (name == ".git" || name == "bin"):
			return filepath.SkipDir
		case name == ".git": // of a worktree
		case entry.Type().IsRegular():
			names = append(names, filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	ignored, err := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "--others", "--ignored", "--exclude-standard").Output()
	if err != nil {
		return names // an unpacked archive: nothing is ignored
	}
	return slices.DeleteFunc(names, func(name string) bool {
		return slices.Contains(strings.Split(string(ignored), "\x00"), name)
	})
}

// TestMigrationsAreNumberedOnce: two branches may have taken the same next number.
func TestMigrationsAreNumberedOnce(t *testing.T) {
	files, err := filepath.Glob("ledger/migrations/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d migrations, %v", len(files), err)
	}
	for i, f := range files {
		if !strings.HasPrefix(filepath.Base(f), strings.Repeat("0", 5-len(strconv.Itoa(i+1)))+strconv.Itoa(i+1)+"_") {
			t.Errorf("%s is migration %d", f, i+1)
		}
	}
}
