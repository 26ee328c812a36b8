package main

import "strings"

// attempts puts what a library says of several attempts to connect on one line. An attempt that says nothing more than another one is left
// out, and so is TLS that the server does not offer, if the next attempt was made there without it.
func attempts(text string) string {
	head, rest, several := strings.Cut(text, ":\n\t")
	if !several {
		return text
	}
	var told []string
	all := strings.Split(rest, "\n\t")
	for i, attempt := range all {
		place, again := strings.CutSuffix(attempt, "tls error: server refused TLS connection")
		again = again && i < len(all)-1 && strings.HasPrefix(all[i+1], place)
		for _, before := range told {
			again = again || strings.HasSuffix(before, attempt)
		}
		if !again {
			told = append(told, attempt)
		}
	}
	return head + ": " + strings.Join(told, "; ")
}
