package web

import (
	"bytes"
	"context"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"

	"github.com/nordvarg/crosscheck/docs"
)

// markdown writes a page. HTML within it is left out.
var markdown = sync.OnceValue(func() goldmark.Markdown {
	return goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithParserOptions(parser.WithAutoHeadingID()))
})

// readme is the page of a folder.
const readme = "README"

// hasDoc reports whether there is a page, named without its extension.
func hasDoc(name string) bool { return docFile(name) != "" }

// docFile is the file of a page; empty if there is none.
func docFile(name string) string {
	for _, file := range []string{name + ".md", path.Join(name, readme+".md")} {
		if fs.ValidPath(file) && file != readme+".md" {
			if at, err := fs.Stat(docs.Files, file); err == nil && !at.IsDir() {
				return file
			}
		}
	}
	return ""
}

// docLine is one page in a list.
type docLine struct{ Path, Title string }

// docShelf is a list of pages.
type docShelf struct {
	Name, About string
	Pages       []docLine
}

// shelves are the folders of the documentation, what people look for first.
var shelves = []docShelf{
	{Name: "criteria", About: "What the decision is made of: what each criterion asks, and what to do if it fails."},
	{Name: "causes", About: "Why orders differ: how to confirm a cause, and how to repair it."},
	{Name: "runbooks", About: "What to do when an alert arrives, and in a cutover."},
	{Name: ".", About: "How everything works."},
	{Name: "stores", About: "Event stores by name, and their configuration."},
	{Name: "decisions", About: "Why crosscheck is built as it is."},
}

func (s *site) docsIndex(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, "docs", frame{Page: "Docs", Title: "Docs"}, func(_ context.Context, f *frame) error {
		var all []docShelf
		for _, shelf := range shelves {
			entries, err := fs.ReadDir(docs.Files, shelf.Name)
			if err != nil {
				return err
			}
			for _, e := range entries {
				name, page := strings.CutSuffix(e.Name(), ".md")
				if !page || name == readme {
					continue
				}
				title := name
				if shelf.Name != "criteria" && shelf.Name != "causes" {
					title = docTitle(path.Join(shelf.Name, e.Name()))
				}
				shelf.Pages = append(shelf.Pages, docLine{path.Join("/docs", shelf.Name, name), title})
			}
			if shelf.Name == "." {
				shelf.Name = "guides"
			}
			all = append(all, shelf)
		}
		f.View, f.Failure = all, ""
		return nil
	})
}

// docTitle is the first heading of a page.
func docTitle(file string) string {
	source, err := fs.ReadFile(docs.Files, file)
	first, _, _ := strings.Cut(string(source), "\n")
	if err != nil {
		return file
	}
	return strings.ReplaceAll(strings.TrimLeft(first, "# "), "`", "")
}

// docView is one page of the documentation.
type docView struct {
	Folder string // empty for none
	Text   template.HTML
}

func (s *site) docsPage(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimSuffix(r.PathValue("page"), "/")
	if short, ok := strings.CutSuffix(name, ".md"); ok { // as files link to each other
		http.Redirect(w, r, "/docs/"+strings.TrimSuffix(short, "/"+readme), http.StatusMovedPermanently)
		return
	}
	file := docFile(name)
	if file == "" {
		http.NotFound(w, r)
		return
	}
	s.show(w, r, "doc", frame{Page: "Docs", Title: docTitle(file)}, func(_ context.Context, f *frame) error {
		source, err := fs.ReadFile(docs.Files, file)
		if err != nil {
			return err
		}
		html, err := render(source, path.Dir(file))
		v := docView{Text: html}
		if folder := path.Dir(file); folder != "." && path.Base(file) != readme+".md" {
			v.Folder = folder
		}
		f.View, f.Failure = v, ""
		return err
	})
}

// render turns a page of a folder into HTML. Links lead to pages here; what leads elsewhere in the repository is text.
func render(source []byte, folder string) (template.HTML, error) {
	doc := markdown().Parser().Parse(text.NewReader(source))
	var links []*ast.Link
	err := ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if link, ok := n.(*ast.Link); ok && entering {
			links = append(links, link)
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		return "", err
	}
	for _, link := range links {
		to, ok := docTarget(string(link.Destination), folder)
		if link.Destination = []byte(to); !ok {
			unlink(link)
		}
	}
	var b bytes.Buffer
	if err := markdown().Renderer().Render(&b, source, doc); err != nil {
		return "", err
	}
	html := strings.NewReplacer("<table>", `<div class="scroll" tabindex="0" role="region" aria-label="Table"><table>`, "</table>", "</table></div>", "<pre>", `<pre tabindex="0">`).Replace(b.String())
	return template.HTML(html), nil //nolint:gosec // the pages are embedded, and HTML within them is left out
}

// docTarget is where a link of a page in a folder leads to; false if that is not here.
func docTarget(to, folder string) (string, bool) {
	if strings.HasPrefix(to, "#") || slices.ContainsFunc([]string{"http://", "https://"}, func(p string) bool { return strings.HasPrefix(to, p) }) {
		return to, true
	}
	file, fragment, _ := strings.Cut(to, "#")
	name := strings.TrimSuffix(strings.TrimSuffix(path.Join(folder, file), ".md"), "/"+readme)
	if !strings.HasSuffix(file, ".md") && !strings.HasSuffix(file, "/") || !hasDoc(name) {
		return "", false
	}
	if fragment != "" {
		fragment = "#" + fragment
	}
	return "/docs/" + name + fragment, true
}

// unlink leaves only the text of a link.
func unlink(link *ast.Link) {
	parent := link.Parent()
	for child := link.FirstChild(); child != nil; child = link.FirstChild() {
		parent.InsertBefore(parent, link, child)
	}
	parent.RemoveChild(parent, link)
}
