package certificate

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"
)

// signing comes before the head in what is signed, so that a signature means nothing elsewhere.
const signing = Format + "\n"

// NewKey makes a key that signs one certificate and is then forgotten.
func NewKey() (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return key, err
}

// ReadPrivateKey reads a key as `openssl genpkey -algorithm ed25519` writes it.
func ReadPrivateKey(text []byte) (ed25519.PrivateKey, error) {
	if block, _ := pem.Decode(text); block != nil {
		if parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if key, ok := parsed.(ed25519.PrivateKey); ok {
				return key, nil
			}
		}
	}
	return nil, fmt.Errorf("reading a private key: %w", ErrKey)
}

// ReadPublicKey reads a key as `openssl pkey -pubout` writes it.
func ReadPublicKey(text []byte) (ed25519.PublicKey, error) {
	if block, _ := pem.Decode(text); block != nil {
		if parsed, err := x509.ParsePKIXPublicKey(block.Bytes); err == nil {
			if key, ok := parsed.(ed25519.PublicKey); ok {
				return key, nil
			}
		}
	}
	return nil, fmt.Errorf("reading a public key: %w", ErrKey)
}

// PublicPEM is the public half in the form that [ReadPublicKey] reads.
func PublicPEM(key ed25519.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", fmt.Errorf("encoding a public key: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), nil
}

// signed is the file beside the head: the public key and the signature, a line each.
func signed(head []byte, key ed25519.PrivateKey) []byte {
	public := key.Public().(ed25519.PublicKey) //nolint:forcetypeassert // as its documentation says
	return fmt.Appendf(nil, "%x\n%x\n", public, ed25519.Sign(key, append([]byte(signing), head...)))
}

// verified returns who signed the head. Pinned is who must have; nil is anybody.
func verified(head, signature []byte, pinned ed25519.PublicKey) (ed25519.PublicKey, error) {
	lines := strings.Split(string(signature), "\n")
	if len(lines) != 3 {
		return nil, &ChangedError{File: SignatureFile, Why: "it is not two lines"}
	}
	public, _ := hex.DecodeString(lines[0])
	by, _ := hex.DecodeString(lines[1])
	switch {
	case len(public) != ed25519.PublicKeySize, len(by) != ed25519.SignatureSize, fmt.Sprintf("%x\n%x\n", public, by) != string(signature):
		return nil, &ChangedError{File: SignatureFile, Why: "it is not a key and a signature"}
	case pinned != nil && !bytes.Equal(pinned, public):
		return nil, &ChangedError{File: SignatureFile, Why: fmt.Sprintf("it was signed with the key %x, and the given key is %x", public, []byte(pinned))}
	case !ed25519.Verify(public, append([]byte(signing), head...), by):
		return nil, &ChangedError{File: HeadFile + " or " + SignatureFile, Why: "the signature is not of this head by this key"}
	}
	return public, nil
}
