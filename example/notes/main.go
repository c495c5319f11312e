// Command notes serves notebooks with a search: as many as there are names, each an object that
// keeps its notes in SQL and finds them by full text.
//
//	go run ./example/notes
//
// sqlc has made sqlc_*.go and queries.sql.go from migrations and queries.sql; they run unchanged on the
// *sql.DB that the object's storage gives.
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
	data := flag.String("data", do.DefaultDir+"/notes", "folder of the notebooks' data, made if there is none")
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
	fmt.Fprintf(out, "notebooks on http://%s/, data in %s\n", l.Addr(), data)
	select {
	case err = <-failed:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return server.Shutdown(ending)
}
