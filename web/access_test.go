package web

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// alice is a user whose password is "open sesame".
const alice = `basic_auth_users: {alice: "$2a$04$WAiZa5zePaEx023XYQRWrOxQdFc98W0TFQN.VsEpGC2huQ5UFj0i."}`

// serving serves on an address until the test ends, and returns the port and the log.
func serving(t *testing.T, address string, s Server) (port string, log *strings.Builder) {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	log = &strings.Builder{}
	s.Source, s.Log = &fake{status: noGo()}, slog.New(slog.NewTextHandler(log, nil))
	s.Ready = func(context.Context) []Part { return []Part{{Name: "legacy", Reason: "value 4711 of an order"}} }
	s.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("crosscheck_up 1\n")) })
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	_, port, err = net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port, log
}

// ask returns status and body. A user logs in if there is one.
func ask(t *testing.T, url, user string) (code int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if user != "" {
		request.SetBasicAuth(user, "open sesame")
	}
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // of this test
	client := http.Client{Transport: transport, Timeout: time.Minute}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func webFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "web.yml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestWhoSeesThePage asks for the page as somebody without a login and as Alice, on each kind of address.
func TestWhoSeesThePage(t *testing.T) {
	const loopback, everywhere = "127.0.0.1:0", ":0"
	for name, c := range map[string]struct {
		address, file       string
		open                bool
		anonymous, loggedIn int
		metrics             int // to somebody without a login
	}{
		"loopback":                        {loopback, "", false, 200, 200, 200},
		"loopback with users":             {loopback, alice, false, 401, 200, 401},
		"everywhere":                      {everywhere, "", false, 403, 403, 200},
		"everywhere, open":                {everywhere, "", true, 200, 200, 200},
		"everywhere with users":           {everywhere, alice, false, 401, 200, 401},
		"everywhere, a file of no users":  {everywhere, "basic_auth_users: {}", false, 403, 403, 200},
		"everywhere, headers alone":       {everywhere, "http_server_config: {http2: false}", false, 403, 403, 200},
		"everywhere, no users, but open":  {everywhere, "basic_auth_users: {}", true, 200, 200, 200},
		"everywhere, users although open": {everywhere, alice, true, 401, 200, 401},
	} {
		t.Run(name, func(t *testing.T) {
			server := Server{Open: c.open}
			if c.file != "" {
				server.Auth = webFile(t, c.file)
			}
			port, said := serving(t, c.address, server)
			root := "http://127.0.0.1:" + port
			for _, path := range []string{"/", "/api/status"} {
				code, body := ask(t, root+path, "")
				if code != c.anonymous {
					t.Errorf("%s without a login: %d, want %d\n%s", path, code, c.anonymous, body)
				}
				if code == 403 && (!strings.Contains(body, "web: {auth: web.yml}") || strings.Contains(body, "FILLED")) {
					t.Errorf("%s does not say what to set, or says more:\n%s", path, body)
				}
				if code, _ := ask(t, root+path, "alice"); code != c.loggedIn {
					t.Errorf("%s as alice: %d, want %d", path, code, c.loggedIn)
				}
				if code, _ := ask(t, root+path, "mallory"); code != c.anonymous {
					t.Errorf("%s as mallory: %d, want %d", path, code, c.anonymous)
				}
			}
			if code, _ := ask(t, root+"/metrics", ""); code != c.metrics {
				t.Errorf("/metrics without a login: %d, want %d", code, c.metrics)
			}
			_, ready := ask(t, root+"/readyz", "")
			if closed := c.anonymous != 200; closed && strings.Contains(ready, "4711") {
				t.Errorf("/readyz quotes a database to people without a login: %s", ready)
			}
			if warned := strings.Contains(said.String(), "the status page is not served"); warned != (c.anonymous == 403) {
				t.Errorf("warned is %v:\n%s", warned, said)
			}
		})
	}
}

// TestUsersThatVanishCloseThePage: the file is read again for each request.
func TestUsersThatVanishCloseThePage(t *testing.T) {
	file := webFile(t, alice)
	port, _ := serving(t, ":0", Server{Auth: file})
	if code, _ := ask(t, "http://127.0.0.1:"+port, "alice"); code != 200 {
		t.Fatalf("alice gets %d", code)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _ := ask(t, "http://127.0.0.1:"+port, ""); code != 403 {
		t.Errorf("without users the page answers %d", code)
	}
}

func TestTheWebFileEncrypts(t *testing.T) {
	folder := filepath.Dir(webFile(t, ""))
	certificate(t, folder)
	file := filepath.Join(folder, "web.yml")
	const encrypted = "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n"
	if err := os.WriteFile(file, []byte(encrypted+alice), 0o600); err != nil {
		t.Fatal(err)
	}
	port, _ := serving(t, ":0", Server{Auth: file})
	if code, body := ask(t, "https://127.0.0.1:"+port, "alice"); code != 200 || !strings.Contains(body, "NO-GO") {
		t.Errorf("alice gets %d: %.200s", code, body)
	}
	if code, _ := ask(t, "https://127.0.0.1:"+port, ""); code != 401 {
		t.Errorf("somebody without a login gets %d", code)
	}
	if code, _ := ask(t, "http://127.0.0.1:"+port, "alice"); code != 400 {
		t.Errorf("without TLS alice gets %d", code)
	}
}

func TestAWrongWebFileIsAnError(t *testing.T) {
	for name, text := range map[string]string{"unknown key": "users: {}", "no hash": "basic_auth_users: {alice: secret}", "no certificate": "tls_server_config: {cert_file: x, key_file: y}"} {
		server := Server{Listen: "127.0.0.1:0", Auth: webFile(t, text), Source: &fake{}}
		if err := server.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "web.auth") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// certificate writes cert.pem and key.pem.
func certificate(t *testing.T, folder string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(folder, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
