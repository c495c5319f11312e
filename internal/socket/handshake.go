package socket

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"

	"github.com/durablego/do/internal/doerr"
	"github.com/gobwas/httphead"
	"github.com/gobwas/ws/wsflate"
)

// acceptGUID is RFC 6455's, section 1.3.
const acceptGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// Handshake is what a client's handshake agrees to.
type Handshake struct {
	Header  http.Header // of the 101 answer
	Deflate bool        // messages may be compressed
}

// ReadHandshake reads r as a handshake: HTTP/1.1, version 13, else ErrNotUpgrade (W1). With
// deflate, compression is agreed to if the client offers it in a form that is ours.
func ReadHandshake(r *http.Request, deflate bool) (Handshake, error) {
	if r == nil {
		return Handshake{}, fmt.Errorf("%w: there is no request", doerr.ErrNotUpgrade)
	}
	key := r.Header.Get("Sec-Websocket-Key")
	nonce, err := base64.StdEncoding.DecodeString(key)
	switch {
	case r.Method != http.MethodGet && r.Method != "":
		return refused("the method is not GET")
	case r.ProtoMajor != 1 || r.ProtoMinor < 1:
		return refused("it is not HTTP/1.1")
	case !AsksUpgrade(r.Header):
		return refused("it asks for no upgrade to websocket")
	case r.Header.Get("Sec-Websocket-Version") != "13":
		return refused("the version is not 13")
	case err != nil || len(nonce) != 16 || len(r.Header["Sec-Websocket-Key"]) != 1:
		return refused("the key is not 16 bytes of base64")
	}
	sum := sha1.Sum([]byte(key + acceptGUID))
	h := Handshake{Header: http.Header{
		"Upgrade":              {"websocket"},
		"Connection":           {"Upgrade"},
		"Sec-Websocket-Accept": {base64.StdEncoding.EncodeToString(sum[:])},
	}}
	if deflate {
		if answer := agree(r.Header["Sec-Websocket-Extensions"]); answer != "" {
			h.Deflate = true
			h.Header["Sec-Websocket-Extensions"] = []string{answer}
		}
	}
	return h, nil
}

// AsksUpgrade says whether a request with these headers asks for a WebSocket.
func AsksUpgrade(h http.Header) bool {
	return hasToken(h, "Upgrade", "websocket") && hasToken(h, "Connection", "upgrade")
}

func refused(why string) (Handshake, error) {
	return Handshake{}, fmt.Errorf("%w: %s", doerr.ErrNotUpgrade, why)
}

// agree answers the first offer of permessage-deflate that we can keep; empty if none.
func agree(offers []string) string {
	ours := wsflate.Extension{Parameters: wsflate.DefaultParameters}
	for _, line := range offers {
		options, ok := httphead.ParseOptions([]byte(line), nil)
		if !ok {
			return ""
		}
		for _, o := range options {
			answer, err := ours.Negotiate(o)
			if err == nil && answer.Size() > 0 {
				return wsflate.ExtensionName + "; server_no_context_takeover; client_no_context_takeover"
			}
		}
	}
	return ""
}

func hasToken(h http.Header, name, token string) bool {
	for _, line := range h[name] {
		for t := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(t), token) {
				return true
			}
		}
	}
	return false
}
