package peer

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/durablego/do/internal/doerr"
)

// Op is what a request asks for.
type Op string

const (
	OpFetch   Op = "fetch"
	OpCall    Op = "call"
	OpConnect Op = "connect" // a fetch that may be answered with a 101
)

// Request says what a caller asks of which object.
type Request struct {
	Caller      string // script that calls
	Script      string // script that hosts the object
	Environment string
	Namespace   string // its stable identifier
	ID          string // 64 hex digits
	Name        string // of the object, or empty
	Op          Op
	Method      string        // of HTTP; of a call, that of the class
	URL         string        // of a fetch
	Timeout     time.Duration // what the caller still waits; 0: no limit. Whole milliseconds
}

// version is that of everything in the package comment.
const version = "1"

const (
	versionHeader   = "Do-Version"
	signatureHeader = "Do-Signature"
	answerHeader    = "Do-Answer"
)

// fields are the headers of an envelope, in the order in which they are signed.
var fields = [...]string{
	versionHeader, "Do-Caller", "Do-Script", "Do-Environment", "Do-Namespace", "Do-Id", "Do-Name", "Do-Operation",
	"Do-Method", "Do-Url", "Do-Head-Digest", "Do-Timeout", "Do-Time", "Do-Nonce", "Do-Body-Digest",
}

const maxField = 64 << 10

type (
	digest [32]byte
	nonce  [16]byte
)

// envelope is a request as it is signed.
type envelope struct {
	Request
	head, body digest
	sent       int64 // Unix time in milliseconds
	nonce      nonce
}

// values are those of fields, as they are sent.
type values [len(fields)]string

func (e *envelope) values() (values, error) {
	v := values{
		version, url.PathEscape(e.Caller), url.PathEscape(e.Script), url.PathEscape(e.Environment), url.PathEscape(e.Namespace),
		e.ID, base64.StdEncoding.EncodeToString([]byte(e.Name)), string(e.Op), url.PathEscape(e.Method), url.PathEscape(e.URL),
		hex.EncodeToString(e.head[:]), strconv.FormatInt(e.Timeout.Milliseconds(), 10), strconv.FormatInt(e.sent, 10),
		hex.EncodeToString(e.nonce[:]), hex.EncodeToString(e.body[:]),
	}
	for i, value := range v {
		if len(value) > maxField {
			return v, fmt.Errorf("%w: %s of a request to a peer takes more than %d bytes", doerr.ErrValueTooLarge, fields[i], maxField)
		}
	}
	return v, nil
}

// write puts the envelope, with its signature, into h.
func (v *values) write(h http.Header, signature digest) {
	for i, name := range fields {
		h[name] = []string{v[i]}
	}
	h[signatureHeader] = []string{hex.EncodeToString(signature[:])}
}

var errMalformed = errors.New("the envelope is malformed")

// readValues gives the fields of an envelope and its signature as they came.
func readValues(h http.Header) (v values, signature digest, err error) {
	for i, name := range fields {
		got := h[name]
		if len(got) != 1 || len(got[0]) > maxField {
			return v, signature, errMalformed
		}
		v[i] = got[0]
	}
	got := h[signatureHeader]
	if len(got) != 1 || !readHex(signature[:], got[0]) {
		return v, signature, errMalformed
	}
	return v, signature, nil
}

// parse is the inverse of envelope.values.
func (v *values) parse() (e envelope, err error) {
	for i, p := range []*string{&e.Caller, &e.Script, &e.Environment, &e.Namespace} {
		if *p, err = url.PathUnescape(v[i+1]); err != nil {
			return e, errMalformed
		}
	}
	e.ID = v[5]
	name, err := base64.StdEncoding.Strict().DecodeString(v[6])
	e.Name, e.Op = string(name), Op(v[7])
	for i, p := range []*string{&e.Method, &e.URL} {
		text, bad := url.PathUnescape(v[i+8])
		if *p = text; bad != nil {
			err = bad
		}
	}
	timeout, err2 := strconv.ParseInt(v[11], 10, 64)
	sent, err3 := strconv.ParseInt(v[12], 10, 64)
	e.sent = sent
	e.Timeout = time.Duration(timeout) * time.Millisecond
	known := e.Op == OpFetch || e.Op == OpCall || e.Op == OpConnect
	if err != nil || err2 != nil || err3 != nil || v[0] != version || !known || timeout < 0 || e.Timeout.Milliseconds() != timeout || sent < 0 ||
		!readHex(e.head[:], v[10]) || !readHex(e.nonce[:], v[13]) || !readHex(e.body[:], v[14]) {
		return e, errMalformed
	}
	return e, nil
}

// readHex fills p.
func readHex(p []byte, text string) bool {
	if len(text) != hex.EncodedLen(len(p)) {
		return false
	}
	_, err := hex.Decode(p, []byte(text))
	return err == nil
}
