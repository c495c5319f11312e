// Command client runs a script that greets, together with script "host", whose counters it
// binds: two scripts in one process and one data folder.
//
//	go run ./example/crossscript/client
//	curl http://127.0.0.1:8080/hello/ann
//
// Or with the counters in another process, which has the same secret in its environment:
//
//	go run ./example/crossscript/client -host http://127.0.0.1:8081/peer
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
	"github.com/durablego/do/example/crossscript/greeter"
	"github.com/go-chi/chi/v5"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "address to serve on")
	data := flag.String("data", do.DefaultDir+"/client", "folder of the data, made if there is none")
	host := flag.String("host", "", "URL of the process that has script \"host\"; empty: this one")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *addr, options(*data, *host, os.Getenv("CROSSSCRIPT_SECRET"))); err != nil {
		log.Fatal(err)
	}
}

// options serve both scripts, or the one if the other has a host.
func options(data, host, secret string) do.Options {
	o := do.Options{Dir: data, Scripts: []*do.Script{greeter.Script()}}
	if host == "" {
		o.Scripts = append(o.Scripts, counter.Script())
	} else {
		o.Peers = map[string]do.Peer{"host": {URL: host, Secret: []byte(secret)}}
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
	server := &http.Server{Handler: handler(o)(rt), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		ending, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		ended <- server.Shutdown(ending)
	})
	log.Printf("greetings on http://%s/hello/ann, data in %s", l.Addr(), o.Dir)
	if err = server.Serve(l); errors.Is(err, http.ErrServerClosed) {
		err = <-ended
	}
	stop()
	ending, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(err, rt.Close(ending))
}

// handler has the paths of the scripts that are here.
func handler(o do.Options) func(rt *do.Runtime) http.Handler {
	return func(rt *do.Runtime) http.Handler {
		r := chi.NewRouter()
		r.Mount("/hello", greeter.Handler(rt))
		if len(o.Peers) == 0 {
			r.Mount("/counter", counter.Handler(rt))
		}
		return r
	}
}
