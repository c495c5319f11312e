// Command host runs the script that owns the counters, alone.
//
//	go run ./example/crossscript/host
//	curl http://127.0.0.1:8081/counter/greetings
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/example/crossscript/counter"
	"github.com/go-chi/chi/v5"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8081", "address to serve on")
	data := flag.String("data", do.DefaultDir+"/host", "folder of the data, made if there is none")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *addr, options(*data)); err != nil {
		log.Fatal(err)
	}
}

// options serve the one script.
func options(data string) do.Options {
	return do.Options{Dir: data, Scripts: []*do.Script{counter.Script()}}
}

// run serves until ctx is done: requests end first, then objects.
func run(ctx context.Context, addr string, o do.Options) (err error) {
	rt, err := do.Open(o)
	if err != nil {
		return err
	}
	server := &http.Server{Addr: addr, Handler: handler(rt), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		ending, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		ended <- server.Shutdown(ending)
	})
	log.Printf("counters on http://%s/counter/greetings, data in %s", addr, o.Dir)
	if err = server.ListenAndServe(); errors.Is(err, http.ErrServerClosed) {
		err = <-ended
	}
	stop()
	ending, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(err, rt.Close(ending))
}

// handler has the paths of the script.
func handler(rt *do.Runtime) http.Handler {
	r := chi.NewRouter()
	r.Mount("/counter", counter.Handler(rt))
	return r
}
