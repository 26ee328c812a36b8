package config

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"go.yaml.in/yaml/v4"
)

// asWritten is a section as it stands in the file. What its aliases name elsewhere follows it, because the section reads that too.
func asWritten(section *yaml.Node) string {
	var b strings.Builder
	seen := map[*yaml.Node]bool{}
	add := func(n *yaml.Node) {
		if text, err := yaml.Marshal(copied(n)); err == nil { // what was parsed can be written
			b.Write(text)
		}
	}
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		if seen[n] {
			return
		}
		seen[n] = true
		if to := target(n); to != n && !seen[to] {
			add(to)
			walk(to)
		}
		for _, of := range n.Content {
			walk(of)
		}
	}
	add(section)
	walk(section)
	return b.String()
}

// copied is a node that may be written: that changes it.
func copied(n *yaml.Node) *yaml.Node {
	of := *n
	of.Content = make([]*yaml.Node, len(n.Content))
	for i, child := range n.Content {
		of.Content[i] = copied(child)
	}
	return &of
}

// ApprovalOf names what an approval is of: the section cutover, the section gate by which it is decided, and a slice; empty for all orders. Both are
// taken as they are written.
func (c *Config) ApprovalOf(slice string) string {
	if slice == "" && c.gateWritten == "" {
		return c.Cutover.Digest()
	}
	text := c.Cutover.Written + "\x00" + slice
	if c.gateWritten != "" {
		text += "\x00" + c.gateWritten
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}
