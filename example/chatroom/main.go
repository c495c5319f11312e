// Command chatroom serves chat rooms: as many as there are names, each an object that keeps
// its history in SQL, and its sockets while it sleeps.
//
//	go run ./example/chatroom
//
// Open the page it names in two windows. End it with Ctrl-C, or kill it, and start it again:
// the history is there, and the pages come back by themselves.
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
	data := flag.String("data", do.DefaultDir+"/chatroom", "folder of the rooms' data, made if there is none")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, *addr, *data); err != nil {
		log.Fatal(err)
	}
}

// run serves until ctx is done, then ends in order: requests first, then objects, which
// close their sockets.
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
	fmt.Fprintf(out, "chat rooms on http://%s/, data in %s\n", l.Addr(), data)
	select {
	case err = <-failed:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return server.Shutdown(ending)
}
