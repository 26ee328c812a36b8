package web

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
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

// tokens makes and checks tokens. They are those of one process: after a restart a page has to be loaded again.
type tokens struct {
	key [32]byte
	now func() time.Time
}

func newTokens(now func() time.Time) *tokens {
	t := &tokens{now: now}
	_, _ = rand.Read(t.key[:]) // it never fails
	return t
}

// token is the time at which it ends, a number used once, and what only this process can compute of both and of the user.
func (t *tokens) make(user string) string {
	var b [8 + 16]byte
	ends := uint64(t.now().Add(csrfFor).Unix())
	for i := range 8 {
		b[i] = byte(ends >> (56 - 8*i))
	}
	_, _ = rand.Read(b[8:])
	return base64.RawURLEncoding.EncodeToString(append(b[:], t.sum(user, b[:])...))
}

func (t *tokens) sum(user string, rest []byte) []byte {
	h := hmac.New(sha256.New, t.key[:])
	h.Write(rest)
	h.Write([]byte(user))
	return h.Sum(nil)
}

// valid reports whether a token is one of the user's that has not ended.
func (t *tokens) valid(user, token string) bool {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) != 8+16+sha256.Size || !hmac.Equal(b[24:], t.sum(user, b[:24])) {
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
func (s *site) csrfToken(w http.ResponseWriter, r *http.Request, u User) string {
	if c, err := r.Cookie(csrfCookie); err == nil && s.tokens.valid(u.Name, c.Value) {
		return c.Value
	}
	token := s.tokens.make(u.Name)
	http.SetCookie(w, &http.Cookie{
		Name: csrfCookie, Value: token, Path: "/", MaxAge: int(csrfFor.Seconds()), HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode,
	})
	return token
}

// sameSite reports whether the request comes from this site's own pages or from no browser, and holds the user's token twice.
func (s *site) sameSite(r *http.Request, u User) bool {
	if s.origins.Check(r) != nil {
		return false
	}
	token := r.Header.Get(csrfHeader)
	if token == "" {
		token = r.PostFormValue(csrfField)
	}
	c, err := r.Cookie(csrfCookie)
	return err == nil && hmac.Equal([]byte(c.Value), []byte(token)) && s.tokens.valid(u.Name, token)
}
