// Command limit answers the benchmark's endpoints with no objects and no storage: a bare chi router, and bare
// frames on hijacked connections. It is the ceiling that Go's own HTTP server sets on this machine.
package main

import (
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/go-chi/chi/v5"
	"github.com/gobwas/ws"
)

var (
	count atomic.Int64
	mu    sync.Mutex
	rooms = map[string]map[net.Conn]bool{}
)

func main() {
	number := func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(strconv.AppendInt(nil, count.Add(1), 10)) // a client that left reads nothing
	}
	r := chi.NewRouter()
	r.Get("/raw", number)
	r.Get("/o/{name}/ws", socket)
	r.Get("/o/{name}/{op}", number)
	r.Get("/o/{name}/{op}/{arg}", number)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), r))
}

func socket(w http.ResponseWriter, r *http.Request) {
	c, _, _, err := ws.UpgradeHTTP(r, w)
	if err != nil {
		return
	}
	name := chi.URLParam(r, "name")
	mu.Lock()
	if rooms[name] == nil {
		rooms[name] = map[net.Conn]bool{}
	}
	rooms[name][c] = true
	mu.Unlock()
	go serve(name, c)
}

func serve(name string, c net.Conn) {
	defer func() {
		mu.Lock()
		delete(rooms[name], c)
		mu.Unlock()
		_ = c.Close()
	}()
	for {
		h, err := ws.ReadHeader(c)
		if err != nil || h.OpCode == ws.OpClose {
			return
		}
		b := make([]byte, h.Length)
		if _, err := io.ReadFull(c, b); err != nil {
			return
		}
		ws.Cipher(b, h.Mask, 0)
		frame := ws.MustCompileFrame(ws.NewTextFrame(b))
		if len(b) > 0 && b[0] == 'b' {
			mu.Lock()
			for peer := range rooms[name] {
				_, _ = peer.Write(frame) // a dead peer ends in its own reader
			}
			mu.Unlock()
		} else {
			_, _ = c.Write(frame)
		}
	}
}
