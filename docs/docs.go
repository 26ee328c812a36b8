// Package docs holds the documentation, so that the program can show it.
//
// Invariant: the pages are those of this version of the program.
package docs

import "embed"

// Files are the pages, as Markdown.
//
//go:embed *.md causes criteria decisions runbooks stores
var Files embed.FS
