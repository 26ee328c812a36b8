package doctor

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
)

// TLSSettings names the settings of a connection, for hints.
type TLSSettings struct {
	Use       string // whether TLS is used at all
	Authority string // whom to trust
	Name      string // the server's name
	Own       string // crosscheck's own certificate
}

// TLSFault says what went wrong between two programs that speak TLS, and what to do; false if err is about something
// else.
func TLSFault(err error, s TLSSettings) (fault, hint string, found bool) {
	var (
		name      x509.HostnameError
		authority x509.UnknownAuthorityError
		invalid   x509.CertificateInvalidError
		verified  *tls.CertificateVerificationError
		record    tls.RecordHeaderError
		remote    *net.OpError
	)
	switch {
	case errors.As(err, &name):
		return "the server's TLS certificate is for another name: " + OneLine(name.Error()), "check " + s.Name + ": it must be a name in the certificate", true
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the server's TLS certificate has expired or is not valid yet: " + OneLine(invalid.Error()), "renew the certificate on the server, and check the clock of this machine", true
	case errors.As(err, &authority):
		return "the authority of the server's TLS certificate is not trusted here: " + OneLine(authority.Error()), "check " + s.Authority + ": it must hold the authority that signed the certificate", true
	case errors.As(err, &verified), errors.As(err, &invalid):
		return "the server's TLS certificate is not accepted: " + OneLine(err.Error()), "check the certificate on the server, and " + s.Authority, true
	case errors.As(err, &record):
		return "the server answers without TLS", "check the port, and " + s.Use, true
	case errors.As(err, &remote) && remote.Op == "remote error": // an alert of TLS, whose type crypto/tls keeps to itself
		said := remote.Err.Error()
		if strings.Contains(said, "certificate") {
			return "the server wants a TLS certificate of ours that it trusts: " + said, "check " + s.Own, true
		}
		return "the server ended the TLS connection: " + said, "it may want a certificate: check " + s.Own + ", and see the server's log", true
	}
	return "", "", false
}
