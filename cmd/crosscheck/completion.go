package main

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/nordvarg/crosscheck/order"
)

// completionCommand prints what a shell needs to complete command lines.
type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// The shells ask the program itself, so that what they propose is what it takes. Where it proposes nothing, they propose files.
var completions = map[string]string{
	"bash": `_crosscheck() {
	local word
	COMPREPLY=()
	while IFS=$'\t' read -r word _; do
		COMPREPLY+=("$(printf %q "$word")")
	done < <("$1" complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _crosscheck crosscheck
`,
	"zsh": `#compdef crosscheck
_crosscheck() {
	local -a found
	found=(${(f)"$($words[1] complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)"})
	found=("${(@)${(@)found//:/\\:}/$'\t'/:}")
	if (( $#found )); then _describe crosscheck found; else _files; fi
}
if [[ $funcstack[1] == _crosscheck ]]; then _crosscheck "$@"; else compdef _crosscheck crosscheck; fi
`,
	"fish": `function __crosscheck
	set -l words (commandline -opc)
	set -l program $words[1]
	set -e words[1]
	set -l found ($program complete -- $words (commandline -ct) 2>/dev/null)
	if test (count $found) -gt 0
		printf '%s\n' $found
	else
		__fish_complete_path (commandline -ct)
	end
end
complete -c crosscheck -f -a '(__crosscheck)'
`,
}

func (c *completionCommand) run(_ context.Context, p *program) (int, error) {
	_, err := io.WriteString(p.stdout, completions[c.Shell])
	return exitAgrees, err
}

// completeCommand proposes how the last of some words goes on. Shells run it.
type completeCommand struct {
	Words []string `arg:"" optional:""`
}

func (c *completeCommand) run(_ context.Context, p *program) (int, error) {
	for _, o := range offers(p.parser.Model.Node, c.Words) {
		if _, err := fmt.Fprintf(p.stdout, "%s\t%s\n", o.word, o.help); err != nil {
			return exitError, err
		}
	}
	return exitAgrees, nil
}

// offer is a word that may come next.
type offer struct{ word, help string }

// offers are the words that the last of the given ones may become: commands, flags, or the values of a flag or an argument. There are none
// where any text may stand.
func offers(root *kong.Node, words []string) (found []offer) {
	last := ""
	if n := len(words); n > 0 {
		words, last = words[:n-1], strings.ReplaceAll(words[n-1], `\`, "") // shells hand over what was typed, as in events-\>projection
	}
	node, value := leadsTo(root, words)
	add := func(word, help string) {
		if strings.HasPrefix(word, last) {
			found = append(found, offer{word, help})
		}
	}
	name, _, assigned := strings.Cut(last, "=")
	flag := flagOf(node, name)
	switch {
	case value != nil:
		if last == "=" { // bash makes three words of --state=open
			last = ""
		}
		values(value, "", add)
	case flag != nil && assigned:
		values(flag.Value, name+"=", add)
	case strings.HasPrefix(last, "-"):
		for _, group := range node.AllFlags(true) {
			for _, flag := range group {
				add("--"+flag.Name, flag.Help)
			}
		}
	default:
		for _, n := range node.Children {
			if !n.Hidden {
				add(n.Name, n.Help)
			}
		}
		for _, of := range node.Positional {
			values(of, "", add)
		}
	}
	return found
}

// leadsTo returns the command that words lead to, and the flag whose value comes next; nil if none does.
func leadsTo(root *kong.Node, words []string) (node *kong.Node, value *kong.Value) {
	node = root
	for _, w := range words {
		switch flag, command := flagOf(node, w), commandOf(node, w); {
		case w == "=" && value != nil:
		case value != nil:
			value = nil
		case flag != nil && !flag.IsBool():
			value = flag.Value
		case command != nil && command.Name != "help": // which takes commands
			node = command
		}
	}
	return node, value
}

// values adds what a flag or an argument may be, if that is a short list.
func values(v *kong.Value, before string, add func(word, help string)) {
	words := v.EnumSlice()
	if v.Target.Type() == reflect.TypeFor[order.Hop]() {
		words = nil
		for _, h := range order.Hops() {
			words = append(words, string(h))
		}
	}
	for _, word := range words {
		if word != "" {
			add(before+word, "")
		}
	}
}

// flagOf returns the flag of a command that a word names; nil if there is none.
func flagOf(node *kong.Node, word string) *kong.Flag {
	for _, group := range node.AllFlags(false) {
		if i := slices.IndexFunc(group, func(f *kong.Flag) bool { return "--"+f.Name == word || f.Short != 0 && "-"+string(f.Short) == word }); i >= 0 {
			return group[i]
		}
	}
	return nil
}

func commandOf(node *kong.Node, word string) *kong.Node {
	if i := slices.IndexFunc(node.Children, func(n *kong.Node) bool { return n.Name == word }); i >= 0 {
		return node.Children[i]
	}
	return nil
}
