package do

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"

	"github.com/durablego/do/internal/bridge"
	"github.com/durablego/do/internal/peer"
)

// Peer is a script in another process: where it is, and how the two know each other. Both
// sides list the other's script, with the same secret (B2).
type Peer struct {
	// URL leads to the PeerHandler of the process that hosts the script. Plain http is for
	// loopback only, unless AllowPlain (B7). Empty: its calls are accepted, it cannot be called.
	URL string
	// Secret signs requests: at least 32 random bytes, one secret for each pair of scripts.
	Secret []byte
	// OldSecret, unless empty, is accepted too, while the other side still signs with it, or
	// does already: docs/peers.md says how to change a secret. At least 32 bytes.
	OldSecret []byte
	// AllowPlain lets URL be plain http to anywhere: requests cannot be forged then, but read,
	// and answers can be both.
	AllowPlain bool
	// TLS is the configuration of connections to URL. It must not change after Open. Nil: the
	// system's roots, no client certificate.
	TLS *tls.Config
	// UniqueKeys are those of the script's namespaces, by stable identifier, where they are not
	// what I17 makes of environment, script and identifier: where a class change has moved data
	// or given it another identifier. Ids are made of them; a wrong one is ErrForeignID.
	UniqueKeys map[string]string
}

// checked gives p with its own secrets, and its URL; nil if it has none.
func (p Peer) checked(name string) (Peer, *url.URL, error) {
	wrong := func(why string) (Peer, *url.URL, error) {
		return p, nil, fmt.Errorf("%w: peer %q: %s", ErrInvalidOptions, name, why)
	}
	p.Secret, p.OldSecret = bytes.Clone(p.Secret), bytes.Clone(p.OldSecret)
	switch {
	case name == "":
		return wrong("it needs the name of its script")
	case len(p.Secret) < peer.MinSecret, len(p.OldSecret) > 0 && len(p.OldSecret) < peer.MinSecret:
		return wrong(fmt.Sprintf("a secret has at least %d bytes", peer.MinSecret))
	case p.URL == "":
		return p, nil, nil
	}
	u, err := url.Parse(p.URL)
	switch {
	case err != nil, u.Host == "", u.User != nil, u.Scheme != "http" && u.Scheme != "https":
		return wrong("its URL must be https://host/path, or http for loopback")
	case u.Scheme == "http" && !p.AllowPlain && !isLoopback(u.Hostname()):
		return wrong("plain http is for loopback only; use https, or AllowPlain in a network of your own")
	}
	return p, u, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// peers is what a runtime has for other processes.
type peers struct {
	clients map[string]*peer.Client // by the script they lead to
	handler http.Handler
}

// newPeers readies what Options.Peers asks for.
func (rt *Runtime) newPeers(b bridge.Config) (*peers, error) {
	ps := &peers{clients: map[string]*peer.Client{}}
	callers := map[string][][]byte{}
	urls := map[string]*url.URL{}
	checked := map[string]Peer{}
	for name, p := range rt.options.Peers {
		p, u, err := p.checked(name)
		if err != nil {
			return nil, err
		}
		checked[name], urls[name] = p, u
		callers[name] = [][]byte{p.Secret}
		if len(p.OldSecret) > 0 {
			callers[name] = append(callers[name], p.OldSecret)
		}
	}
	for name, p := range checked { // when nothing can fail any more
		if urls[name] != nil {
			ps.clients[name] = peer.NewClient(peer.ClientOptions{
				URL: urls[name], Secret: p.Secret, TLS: p.TLS, MaxResult: rt.options.peerBytes(), Dial: b.Dial,
			})
		}
	}
	ps.handler = peer.NewHost(peer.HostOptions{
		Environment: rt.options.Environment,
		Callers:     callers,
		MaxBody:     rt.options.peerBytes(),
		Logger:      rt.options.Logger,
		Fetch:       rt.peerFetch,
		Call:        rt.peerCall,
	})
	return ps, nil
}

// close cuts off what runs over the way to other processes.
func (ps *peers) close() {
	for _, c := range ps.clients {
		c.Close()
	}
}

// maxPeerBytes is MaxCallBytes between processes if there is no limit: all of it is in memory.
const maxPeerBytes = 1 << 30

func (o Options) peerBytes() int64 {
	if o.MaxCallBytes < 0 {
		return maxPeerBytes
	}
	return min(int64(o.MaxCallBytes), maxPeerBytes)
}

// PeerHandler serves the scripts of this runtime to those in Options.Peers: mount it where
// their Peer.URL leads, below any path, on a server that speaks HTTP/1.1. All else it answers
// with 401 and without detail, also requests sent before Open: keep the clocks of the processes
// within a few seconds (B5, B6). A caller may call every exported method of a class that Call
// could call, and Fetch; nothing else. Objects see its requests like those of router.
func (rt *Runtime) PeerHandler() http.Handler { return rt.peers.handler }
