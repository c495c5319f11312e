// Command server is our side of the comparison in bench/README.md: the endpoints of bench/worker.mjs as a class of objects behind a chi
// router, with the default durability. It listens on 127.0.0.1:$PORT and keeps its data in $DATA; SIGTERM and SIGINT end it cleanly.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/router"
	"github.com/go-chi/chi/v5"
)

func init() { do.Register("BENCH", NewBench) }

func main() {
	profile := flag.String("cpuprofile", "", "file for a CPU profile of the whole run")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := profiled(*profile, func() error { return serve(ctx, os.Getenv("PORT"), os.Getenv("DATA")) }); err != nil {
		log.Fatal(err)
	}
}

// serve answers until ctx is done.
func serve(ctx context.Context, port, data string) error {
	if port == "" || data == "" {
		return errors.New("PORT and DATA must be set") // without a folder the runtime would be a relaxed one
	}
	rt, err := do.Open(do.Options{Dir: data})
	if err != nil {
		return err
	}
	server := &http.Server{Addr: "127.0.0.1:" + port, Handler: handler(rt)}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return errors.Join(err, server.Shutdown(ending), rt.Close(ending))
}

// handler routes the endpoints of bench/README.md.
func handler(rt *do.Runtime) http.Handler {
	r := chi.NewRouter()
	r.Get("/raw", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("1")) // a client that left reads nothing
	})
	r.Mount("/o/{name}", router.ByName(rt.Namespace("BENCH"), "name"))
	return r
}

// profiled runs f, with a CPU profile when a file is named.
func profiled(file string, f func() error) error {
	if file == "" {
		return f()
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(out); err != nil {
		return fmt.Errorf("profile: %w", errors.Join(err, out.Close()))
	}
	err = f()
	pprof.StopCPUProfile()
	return errors.Join(err, out.Close())
}
