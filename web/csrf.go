package web

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"
)

// # Requests that change something
//
// A browser sends a login with every request, also with one that another site made it send. So a request that changes something
// needs three things that another site cannot have: it must say that it comes from this site, it must hold a token, and the cookie
// must hold the same one. The token is bound to the user, so one user's token is no use to another.

const (
	csrfCookie = "crosscheck_csrf"
	csrfHeader = "X-CSRF-Token"
	csrfField  = "csrf_token" // of a form
	// csrfFor is how long a token is valid.
	csrfFor = 12 * time.Hour
)

// tokens makes and checks tokens.
type tokens struct {
	now    func() time.Time
	shared func(context.Context) ([]byte, error) // the key of all processes behind one address
	key    atomic.Pointer[[]byte]                // nil until it was read
}

// newTokens makes tokens with a key that others may share. Without one they are those of this process, and after a restart a page has
// to be loaded again.
func newTokens(now func() time.Time, shared func(context.Context) ([]byte, error)) *tokens {
	t := &tokens{now: now, shared: shared}
	if shared == nil {
		t.key.Store(new(random(keyLength)))
	}
	return t
}

// keyLength is how long a key is.
const keyLength = 32

func random(length int) []byte {
	b := make([]byte, length)
	_, _ = rand.Read(b) // it never fails
	return b
}

// read returns the key.
func (t *tokens) read(ctx context.Context) ([]byte, error) {
	if key := t.key.Load(); key != nil {
		return *key, nil
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	key, err := t.shared(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the key of forms: %w", err)
	}
	if len(key) < keyLength {
		return nil, errShortKey
	}
	t.key.Store(&key)
	return key, nil
}

var errShortKey = errors.New("the key of forms is too short")

// make returns a token: the time at which it ends, a number used once, and what only who has the key can compute of both and of the
// user.
func (t *tokens) make(key []byte, user string) string {
	var b [8 + 16]byte
	ends := uint64(t.now().Add(csrfFor).Unix())
	for i := range 8 {
		b[i] = byte(ends >> (56 - 8*i))
	}
	copy(b[8:], random(16))
	return base64.RawURLEncoding.EncodeToString(append(b[:], sum(key, user, b[:])...))
}

func sum(key []byte, user string, rest []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(rest)
	h.Write([]byte(user))
	return h.Sum(nil)
}

// valid reports whether a token is one of the user's that has not ended.
func (t *tokens) valid(key []byte, user, token string) bool {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) != 8+16+sha256.Size || !hmac.Equal(b[24:], sum(key, user, b[:24])) {
		return false
	}
	var ends uint64
	for _, c := range b[:8] {
		ends = ends<<8 | uint64(c)
	}
	return t.now().Before(time.Unix(int64(ends), 0))
}

// csrfToken returns the token of the request's cookie if the user can still use it, else a new one, which it sets as the cookie. Forms
// hold it in the field csrf_token.
func (s *site) csrfToken(w http.ResponseWriter, r *http.Request, u User) (string, error) {
	key, err := s.tokens.read(r.Context())
	if err != nil {
		return "", err
	}
	if c, err := r.Cookie(csrfCookie); err == nil && s.tokens.valid(key, u.Name, c.Value) {
		return c.Value, nil
	}
	token := s.tokens.make(key, u.Name)
	http.SetCookie(w, &http.Cookie{
		Name: csrfCookie, Value: token, Path: "/", MaxAge: int(csrfFor.Seconds()), HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode,
	})
	return token, nil
}

// sameSite reports whether the request comes from this site's own pages or from no browser, and holds the user's token twice.
func (s *site) sameSite(r *http.Request, u User) (bool, error) {
	if s.origins.Check(r) != nil {
		return false, nil
	}
	key, err := s.tokens.read(r.Context())
	if err != nil {
		return false, err
	}
	token := r.Header.Get(csrfHeader)
	if token == "" {
		token = r.PostFormValue(csrfField)
	}
	c, err := r.Cookie(csrfCookie)
	return err == nil && hmac.Equal([]byte(c.Value), []byte(token)) && s.tokens.valid(key, u.Name, token), nil
}
