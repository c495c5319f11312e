package do_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
)

// TestT20_SaidMeansKept: clients write through sockets while the object is evicted, reset and
// at last loses its power. Whatever a client was told to be saved is there, and each connection
// heard its answers in order.
func TestT20_SaidMeansKept(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, 1))
				s := &chats{}
				s.message = func(ctx context.Context, c *chat, ws *do.WebSocket, m do.Message) error {
					if m.Text == "abort" {
						c.state.Abort(ctx, errBoom)
					}
					if err := ws.Send(do.Message{Text: m.Text}); err != nil { // before the write: it waits for it all the same
						return err
					}
					return c.state.KV().Put(ctx, m.Text, true)
				}
				o := s.script(do.Class[*chat]{})
				o.Logger = new(logged).logger()
				env := dotest.New(t, dotest.Options{Runtime: o})
				stub := env.Namespace("CHAT").GetByName("x")
				var mu sync.Mutex // guards told
				var told []string
				stop := make(chan struct{})
				var all sync.WaitGroup
				for client := range 4 {
					delay := time.Duration(1+rng.IntN(3)) * time.Millisecond // never none: time would stand still
					all.Go(func() {
						write(t, env, stub, client, delay, stop, func(key string) { mu.Lock(); told = append(told, key); mu.Unlock() })
					})
				}
				for range 6 {
					time.Sleep(time.Duration(rng.IntN(40)) * time.Millisecond)
					if rng.IntN(3) == 0 {
						if ws, err := env.Dial(stub, "/"); err == nil {
							_ = ws.Send(do.Message{Text: "abort"}) // lost if the object was just reset
						}
					} else if err := env.Evict(stub); err != nil && !is(err, do.ErrNotRunning) {
						t.Error(err)
					}
				}
				env.Crash()
				close(stop)
				all.Wait()
				inChat(t, env, env.Namespace("CHAT").GetByName("x"), func(ctx context.Context, c *chat) error {
					for _, key := range told {
						if ok, err := c.state.KV().Get(ctx, key, nil); !ok || err != nil {
							t.Errorf("%s was said to be saved: %v, %v", key, ok, err)
						}
					}
					return nil
				})
				if len(told) == 0 {
					t.Error("nothing was saved")
				}
			})
		})
	}
}

// write sends keys over one connection after the other until stop, and notes the answers.
func write(t *testing.T, env *dotest.Runtime, stub *do.Stub, client int, delay time.Duration, stop <-chan struct{}, saved func(string)) {
	for n := 0; ; {
		select {
		case <-stop:
			return
		default:
		}
		time.Sleep(time.Millisecond)
		ws, err := env.Dial(stub, "/")
		if err != nil {
			continue // reset, or crashed
		}
		for first := n; ; n++ {
			key := fmt.Sprintf("%d/%d", client, n)
			if ws.Send(do.Message{Text: key}) != nil {
				break
			}
			if n-first < 2 {
				continue // three at a time are on their way
			}
			m, err := ws.Receive(t.Context())
			if err != nil {
				break
			}
			if want := fmt.Sprintf("%d/%d", client, n-2); m.Text != want {
				t.Errorf("received %q, want %q", m.Text, want)
			}
			saved(m.Text)
			time.Sleep(delay)
		}
		n++
	}
}
