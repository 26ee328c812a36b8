package main

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/certificate"
)

type proveCommand struct {
	OrderID     string   `arg:"" help:"The order's key."`
	Certificate []string `required:"" help:"The folder of the certificate. Give several if slices have certificates of their own." placeholder:"DIR" type:"path" sep:"none"`
	PublicKey   string   `help:"The public key that must have signed it, in PEM." placeholder:"FILE" type:"path"`
	JSON        bool     `name:"json" help:"Print one JSON object on standard output, and nothing else."`
}

type certificateCheck struct {
	Dir       string `arg:"" help:"The folder of the certificate." type:"path"`
	PublicKey string `help:"The public key that must have signed it, in PEM." placeholder:"FILE" type:"path"`
	JSON      bool   `name:"json" help:"Print one JSON object on standard output, and nothing else."`
}

// proven is what prove prints. The hash of the leaf, the path and the root are all that the proof needs.
type proven struct {
	OrderID string        `json:"order_id"`
	Proven  bool          `json:"proven"`
	Reason  string        `json:"reason,omitempty"` // why it is not
	Values  []provenValue `json:"values,omitempty"`
	Leaf    uint64        `json:"leaf_index"`
	Orders  uint64        `json:"orders"`
	Hash    string        `json:"leaf_hash,omitempty"`
	Path    []string      `json:"path,omitempty"`
	Root    string        `json:"merkle_root,omitempty"`
	Signer  string        `json:"signer,omitempty"`
	Pinned  bool          `json:"signer_pinned"` // the signer is who --public-key says
	MadeAt  time.Time     `json:"made_at"`
	Of      string        `json:"certificate"` // the folder
	certifiedScope
}

type provenValue struct {
	Field string  `json:"field"`
	Value *string `json:"value"` // null is NULL
}

func (a *proveCommand) run(_ context.Context, p *program) (int, error) {
	pinned, err := pinnedKey(a.PublicKey)
	if err != nil {
		return exitError, err
	}
	out, err := a.prove(pinned)
	if err != nil {
		return exitError, err
	}
	code := exitAgrees
	if !out.Proven {
		code = exitDiverged
	}
	if a.JSON {
		return code, writeObject(p.stdout, out)
	}
	if !out.Proven {
		printError(p.stderr, out.Reason, "")
		return code, nil
	}
	_, err = fmt.Fprint(p.stdout, out.said(p.columns()))
	return code, err
}

// prove takes the first certificate that proves the order. If none does, the first that was changed says why, or else each which orders it is of.
func (a *proveCommand) prove(pinned ed25519.PublicKey) (out proven, err error) {
	var lacks []string
	for _, dir := range a.Certificate {
		next := proven{OrderID: a.OrderID, Pinned: pinned != nil, Of: dir}
		err := next.from(dir, pinned)
		_, changed := errors.AsType[*certificate.ChangedError](err)
		switch {
		case err == nil:
			return next, nil
		case !changed && !errors.Is(err, certificate.ErrNoOrder):
			return out, err
		case changed && out.Reason == "":
			out, out.Reason = next, err.Error()
		case out.Of == "":
			out = next
		}
		if !changed {
			of := err.Error()
			if scope := next.text(); scope != "" {
				of += ", and is of " + scope
			}
			lacks = append(lacks, of)
		}
	}
	if out.Reason == "" {
		out.Reason = strings.Join(lacks, "; ")
	}
	return out, nil
}

// from proves the order from a certificate.
func (out *proven) from(dir string, pinned ed25519.PublicKey) (err error) {
	c, err := certificate.Open(dir, pinned)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	key, err := orderKey(c.Head.KeyType, out.OrderID)
	if err != nil {
		return err
	}
	out.Orders, out.Root, out.Signer, out.MadeAt = c.Head.Orders, c.Head.Root, hex.EncodeToString(c.Signer), c.Head.MadeAt
	out.certifiedScope = scopeOf(c.Head.About)
	proof, err := c.Prove(key)
	if err != nil {
		return err
	}
	out.OrderID, out.Proven, out.Leaf, out.Hash = string(key), true, proof.Index, hex.EncodeToString(proof.Leaf)
	for i, v := range proof.Order.Values {
		value := provenValue{Field: c.Head.Fields[i].Name}
		if !v.Null {
			value.Value = &v.Text
		}
		out.Values = append(out.Values, value)
	}
	for _, h := range proof.Path {
		out.Path = append(out.Path, hex.EncodeToString(h))
	}
	return nil
}

func (out *proven) said(most int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Order %s is proven:\n", printable(out.OrderID))
	widest := 0
	for _, v := range out.Values {
		widest = max(widest, columnsOf(printable(v.Field)))
	}
	for _, v := range out.Values {
		text, name := "NULL", printable(v.Field)
		if v.Value != nil {
			text = printable(*v.Value)
		}
		beside(&b, "  "+name+strings.Repeat(" ", widest-columnsOf(name)+2), text, most)
	}
	b.WriteString("\n")
	facts := []struct{ what, text string }{
		{"leaf", fmt.Sprintf("%s, number %d of %d", out.Hash, out.Leaf+1, out.Orders)},
		{"path", fmt.Sprintf("%d hashes (--json prints them)", len(out.Path))},
		{"root", out.Root},
		{"signed", fmt.Sprintf("by %s, certificate made %s", out.Signer, out.MadeAt.Format(time.RFC3339))},
	}
	if scope := out.text(); scope != "" {
		facts = append(facts, struct{ what, text string }{"of", scope})
	}
	for _, of := range facts {
		beside(&b, fmt.Sprintf("%-6s  ", of.what), of.text, most)
	}
	if !out.Pinned {
		b.WriteString("\n")
		beside(&b, "", "Whose key that is was not checked: give --public-key with the key that you have kept.", most)
	}
	return b.String()
}

// pinnedKey reads the key of a file; nil without a file.
func pinnedKey(file string) (ed25519.PublicKey, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // nobody is pinned
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the public key: %w", err)
	}
	key, err := certificate.ReadPublicKey(text)
	if err != nil {
		err = withHint(err, "certificate create prints it; openssl pkey -in KEY -pubout prints it too")
	}
	return key, err
}

func (a *certificateCheck) run(_ context.Context, p *program) (int, error) {
	pinned, err := pinnedKey(a.PublicKey)
	if err != nil {
		return exitError, err
	}
	h, found, err := certificate.Check(a.Dir, pinned)
	if err != nil {
		return exitError, err
	}
	code := exitAgrees
	if len(found) > 0 {
		code = exitDiverged
	}
	if a.JSON {
		return code, writeObject(p.stdout, struct {
			Sound   bool                        `json:"sound"`
			Orders  uint64                      `json:"orders"`
			Root    string                      `json:"merkle_root"`
			Pinned  bool                        `json:"signer_pinned"`
			Changed []*certificate.ChangedError `json:"changed"`
			certifiedScope
		}{len(found) == 0, h.Orders, h.Root, pinned != nil, append([]*certificate.ChangedError{}, found...), scopeOf(h.About)})
	}
	for _, f := range found {
		fmt.Fprintf(p.stdout, "%s\n", printable(f.Error()))
	}
	if len(found) == 0 {
		fmt.Fprintf(p.stdout, "The certificate is sound: %d orders, root %s.\n", h.Orders, h.Root)
		if scope := scopeOf(h.About).text(); scope != "" {
			fmt.Fprintf(p.stdout, "It is of %s.\n", scope)
		}
		if pinned == nil {
			fmt.Fprintln(p.stdout, "Whose key signed it was not checked: give --public-key with the key that you have kept.")
		}
	}
	return code, nil
}
