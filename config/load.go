package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"go.yaml.in/yaml/v4"
)

// maxBytes is the largest file that is read. A normal configuration has a few kilobytes.
const maxBytes = 1 << 20

// Load reads the configuration from a file. Every error is an [Errors]. getenv is os.LookupEnv or a fake of it.
func Load(path string, getenv func(string) (string, bool)) (*Config, error) {
	src, err := readFile(path)
	if err != nil {
		return nil, Errors{unreadable(path, err)}
	}
	return Parse(path, src, getenv)
}

func readFile(path string) (src []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	src, err = io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return nil, err
	}
	if len(src) > maxBytes {
		return nil, fmt.Errorf("is larger than %d bytes", maxBytes)
	}
	return src, nil
}

func unreadable(path string, err error) *Error {
	e := &Error{File: path, Message: err.Error(), cause: err}
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		e.Message = "cannot be read: " + pathError.Err.Error()
	}
	if errors.Is(err, fs.ErrNotExist) {
		e.Message = "no such file"
		e.Hint = "give the file with --config FILE"
	}
	return e
}

// Parse reads the configuration from its text. name is the file name in errors. Every error is an [Errors].
func Parse(name string, src []byte, getenv func(string) (string, bool)) (*Config, error) {
	all, err := ParsePairs(name, src, getenv)
	if err != nil {
		return nil, err
	}
	if all[0].Pair != "" {
		return nil, Errors{{File: name, Line: 1, Column: 1, Path: "pairs", Message: "has pairs of tables, and the configuration of one is wanted"}}
	}
	return all[0], nil
}

// document returns the root node of the only document in the text.
func (r *reader) document(src []byte) *yaml.Node {
	var doc, second yaml.Node
	loader, err := yaml.NewLoader(bytes.NewReader(src))
	if err == nil {
		err = loader.Load(&doc)
	}
	if errors.Is(err, io.EOF) || err == nil && emptyDocument(&doc) {
		r.add(&Error{Line: 1, Column: 1, Message: "has no configuration in it", Hint: "start from the config.yaml in the repository"})
		return nil
	}
	if err != nil {
		r.add(syntaxError(src, err))
		return nil
	}
	switch err := loader.Load(&second); {
	case err == nil:
		r.add(&Error{Line: second.Line, Column: second.Column, Message: "a second document begins here; a configuration must be one document", Hint: "remove the --- line"})
	case !errors.Is(err, io.EOF):
		r.add(syntaxError(src, err))
	}
	root := doc.Content[0]
	r.refuse(root, "")
	return root
}

func emptyDocument(doc *yaml.Node) bool {
	return len(doc.Content) == 0 || doc.Content[0].ShortTag() == "!!null"
}
