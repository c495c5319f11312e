// Command counter serves durable counters over HTTP: as many as there are names, each an
// object with a total of its own that outlives the process.
//
//	go run ./example/counter
//	curl http://127.0.0.1:8080/counter/hits
//	curl -X POST 'http://127.0.0.1:8080/counter/hits/add?n=5'
//
// The page at / counts too. End it with Ctrl-C, or kill it: what was answered is kept.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/durablego/do"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "address to serve on")
	data := flag.String("data", do.DefaultDir, "folder of the counters' data, made if there is none")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, *addr, *data); err != nil {
		log.Fatal(err)
	}
}

// run serves until ctx is done, then ends in order: requests first, then objects.
func run(ctx context.Context, out io.Writer, addr, data string) (err error) {
	rt, err := do.Open(do.Options{Dir: data})
	if err != nil {
		return err
	}
	defer func() {
		ending, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		err = errors.Join(err, rt.Close(ending))
	}()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler(rt), ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	greet(out, l.Addr().String(), data)
	select {
	case err = <-failed:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return server.Shutdown(ending)
}

func greet(out io.Writer, addr, data string) {
	fmt.Fprintf(out, `durable counters on http://%[1]s/, data in %[2]s

  curl http://%[1]s/counter/hits
  curl -X POST http://%[1]s/counter/hits/add
  curl -X POST 'http://%[1]s/counter/hits/add?n=5'

`, addr, data)
}
