// Command host runs the script that owns the counters, alone. With a secret it also serves
// them to script "client" in another process.
//
//	export CROSSSCRIPT_SECRET=$(head -c 32 /dev/urandom | base64)
//	go run ./example/crossscript/host
//	curl http://127.0.0.1:8081/counter/greetings
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/example/crossscript/counter"
	"github.com/go-chi/chi/v5"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8081", "address to serve on")
	data := flag.String("data", do.DefaultDir+"/host", "folder of the data, made if there is none")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *addr, options(*data, os.Getenv("CROSSSCRIPT_SECRET"))); err != nil {
		log.Fatal(err)
	}
}

// options serve the one script, and with a secret to script "client" too.
func options(data, secret string) do.Options {
	o := do.Options{Dir: data, Scripts: []*do.Script{counter.Script()}}
	if secret != "" {
		o.Peers = map[string]do.Peer{"client": {Secret: []byte(secret)}}
	}
	return o
}

// run serves until ctx is done: requests end first, then objects.
func run(ctx context.Context, addr string, o do.Options) (err error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	rt, err := do.Open(o)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	server := &http.Server{Handler: handler(rt), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		ending, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		ended <- server.Shutdown(ending)
	})
	log.Printf("counters on http://%s/counter/greetings, data in %s", l.Addr(), o.Dir)
	if err = server.Serve(l); errors.Is(err, http.ErrServerClosed) {
		err = <-ended
	}
	stop()
	ending, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(err, rt.Close(ending))
}

// handler has the paths of the script, and the one for peers.
func handler(rt *do.Runtime) http.Handler {
	r := chi.NewRouter()
	r.Mount("/counter", counter.Handler(rt))
	r.Mount("/peer", rt.PeerHandler())
	return r
}
