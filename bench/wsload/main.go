// Command wsload loads a WebSocket server and prints one line of figures.
//
//	wsload -url ws://127.0.0.1:8790/o/a/ws -mode echo -conns 64 -seconds 4
//	wsload -url 'ws://127.0.0.1:8790/o/room%d/ws' -mode idle -conns 10000 -objects 100 -pid 1234
//	wsload -url ws://127.0.0.1:8790/o/room/ws -mode broadcast -conns 500 -seconds 4
//
// A %d in the URL is replaced by the connection's number modulo -objects.
// Modes: echo (each connection sends, waits for the answer, sends again), broadcast (one connection sends,
// all receive; counts deliveries), idle (opens, one echo each, then waits and reports the growth of -pid's
// resident memory per connection).
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
)

func main() {
	log.SetFlags(0)
	url := flag.String("url", "", "WebSocket URL, may hold one %d")
	mode := flag.String("mode", "echo", "echo, broadcast or idle")
	conns := flag.Int("conns", 64, "connections")
	objects := flag.Int("objects", 1, "objects the connections are spread over")
	seconds := flag.Float64("seconds", 4, "measured time")
	settle := flag.Float64("settle", 3, "idle: seconds to wait before memory is read")
	pid := flag.Int("pid", 0, "idle: server process")
	flag.Parse()

	before := rss(*pid)
	open := make([]net.Conn, *conns)
	for i := range open {
		open[i] = dial(*url, i%*objects)
	}
	switch *mode {
	case "echo":
		echo(open, *seconds)
	case "broadcast":
		broadcast(open, *seconds)
	case "idle":
		for _, c := range open {
			send(c, "hello")
			receive(c)
		}
		time.Sleep(time.Duration(*settle * float64(time.Second)))
		fmt.Printf("mode=idle conns=%d bytes_per_conn=%d\n", *conns, (rss(*pid)-before)/int64(*conns))
	default:
		log.Fatalf("unknown mode %q", *mode)
	}
}

func echo(open []net.Conn, seconds float64) {
	var mu sync.Mutex
	var all []time.Duration
	var wg sync.WaitGroup
	end := time.Now().Add(time.Duration(seconds * float64(time.Second)))
	for _, c := range open {
		wg.Add(1)
		go func() {
			defer wg.Done()
			var mine []time.Duration
			for time.Now().Before(end) {
				start := time.Now()
				send(c, "ping")
				receive(c)
				mine = append(mine, time.Since(start))
			}
			mu.Lock()
			all = append(all, mine...)
			mu.Unlock()
		}()
	}
	wg.Wait()
	slices.Sort(all)
	fmt.Printf("mode=echo conns=%d messages_per_s=%.0f p50=%v p99=%v\n",
		len(open), float64(len(all))/seconds, all[len(all)/2], all[len(all)*99/100])
}

func broadcast(open []net.Conn, seconds float64) {
	var delivered atomic.Int64
	var wg sync.WaitGroup
	done := make(chan struct{})
	for _, c := range open[1:] {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for {
				if _, err := read(c); err != nil {
					return
				}
				delivered.Add(1)
			}
		}()
	}
	start := time.Now()
	go func() { time.Sleep(time.Duration(seconds * float64(time.Second))); close(done) }()
	rounds := 0
	for run := true; run; {
		select {
		case <-done:
			run = false
		default:
			send(open[0], "b0123456789")
			receive(open[0]) // the sender is in the room too: one round at a time
			rounds++
		}
	}
	elapsed := time.Since(start).Seconds()
	n := delivered.Load()
	for _, c := range open {
		_ = c.Close()
	}
	wg.Wait()
	fmt.Printf("mode=broadcast conns=%d rounds_per_s=%.0f deliveries_per_s=%.0f\n", len(open), float64(rounds)/elapsed, float64(n)/elapsed)
}

func dial(url string, i int) net.Conn {
	if strings.Contains(url, "%d") {
		url = fmt.Sprintf(url, i)
	}
	c, _, _, err := ws.Dial(context.Background(), url)
	if err != nil {
		log.Fatalf("dial %s: %v", url, err)
	}
	return c
}

func send(c net.Conn, text string) {
	frame := ws.MaskFrameInPlace(ws.NewTextFrame([]byte(text)))
	if err := ws.WriteFrame(c, frame); err != nil {
		log.Fatalf("send: %v", err)
	}
}

func receive(c net.Conn) []byte {
	b, err := read(c)
	if err != nil {
		log.Fatalf("receive: %v", err)
	}
	return b
}

// read returns the payload of the next text or binary frame.
func read(c net.Conn) ([]byte, error) {
	for {
		h, err := ws.ReadHeader(c)
		if err != nil {
			return nil, err
		}
		b := make([]byte, h.Length)
		if _, err := io.ReadFull(c, b); err != nil {
			return nil, err
		}
		switch h.OpCode {
		case ws.OpText, ws.OpBinary:
			return b, nil
		case ws.OpClose:
			return nil, io.EOF
		case ws.OpPing:
			if err := ws.WriteFrame(c, ws.MaskFrameInPlace(ws.NewPongFrame(b))); err != nil {
				return nil, err
			}
		}
	}
}

// rss is the resident memory of a process in bytes, 0 where it cannot be read.
func rss(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(b), &size, &resident); err != nil {
		return 0
	}
	return resident * int64(os.Getpagesize())
}
