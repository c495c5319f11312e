package do_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
)

// chat is an object with sockets. What its events do is the test's; by default a message goes
// back to its sender. Everything it hears of is in its script's journal.
type chat struct {
	state *do.State
	env   *do.Env
	s     *chats
}

// chats is what a test's chats have in common. The functions run in turns.
type chats struct {
	journal
	built   atomic.Int32 // constructors that began
	build   func(ctx context.Context, c *chat) error
	fetch   func(ctx context.Context, c *chat, r *http.Request) (*http.Response, error)
	message func(ctx context.Context, c *chat, ws *do.WebSocket, m do.Message) error
	closed  func(ctx context.Context, c *chat, ws *do.WebSocket, info do.CloseInfo) error
}

func (c *chat) Fetch(ctx context.Context, r *http.Request) (*http.Response, error) {
	if c.s.fetch != nil {
		return c.s.fetch(ctx, c, r)
	}
	_, response, err := c.state.Accept(r, r.URL.Query()["tag"]...)
	return response, err
}

func (c *chat) WebSocketMessage(ctx context.Context, ws *do.WebSocket, m do.Message) error {
	c.s.say(fmt.Sprintf("%s%s", m.Text, m.Binary))
	if c.s.message != nil {
		return c.s.message(ctx, c, ws, m)
	}
	return ws.Send(m)
}

func (c *chat) WebSocketClose(ctx context.Context, ws *do.WebSocket, info do.CloseInfo) error {
	c.s.say(fmt.Sprintf("close:%d:%s:%v", info.Code, info.Reason, info.Clean))
	if c.s.closed != nil {
		return c.s.closed(ctx, c, ws, info)
	}
	return nil
}

func (c *chat) WebSocketError(_ context.Context, _ *do.WebSocket, err error) error {
	c.s.say("error")
	if err == nil {
		return errors.New("an error event without an error")
	}
	return nil
}

// script serves the chats under CHAT.
func (s *chats) script(c do.Class[*chat]) do.Options {
	script := do.NewScript("main")
	c.Binding = "CHAT"
	c.New = func(ctx context.Context, state *do.State, env *do.Env) (*chat, error) {
		s.built.Add(1)
		o := &chat{state, env, s}
		if s.build != nil {
			return o, s.build(ctx, o)
		}
		return o, nil
	}
	do.RegisterIn(script, c)
	return do.Options{Scripts: []*do.Script{script}}
}

// chatting runs f in a bubble with an object called x.
func chatting(t *testing.T, s *chats, f func(t *testing.T, env *dotest.Runtime, stub *do.Stub)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		env := dotest.New(t, dotest.Options{Runtime: s.script(do.Class[*chat]{})})
		f(t, env, env.Namespace("CHAT").GetByName("x"))
	})
}

// inChat runs fn as an event of a chat.
func inChat(t *testing.T, env *dotest.Runtime, stub *do.Stub, fn func(ctx context.Context, c *chat) error) {
	t.Helper()
	err := dotest.RunInObject(env, stub, func(ctx context.Context, c *chat, _ *do.State) error { return fn(ctx, c) })
	wantNil(t, err)
}

// join opens a socket. query begins with a question mark or is empty.
func join(t *testing.T, env *dotest.Runtime, stub *do.Stub, query string) *dotest.WebSocket {
	t.Helper()
	ws, err := env.Dial(stub, "/"+query)
	if err != nil {
		t.Fatal(err)
	}
	return ws
}

func tell(t *testing.T, ws *dotest.WebSocket, text string) {
	t.Helper()
	wantNil(t, ws.Send(do.Message{Text: text}))
}

// hears checks what comes next.
func hears(t *testing.T, ws *dotest.WebSocket, want ...string) {
	t.Helper()
	for _, text := range want {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		m, err := ws.Receive(ctx)
		cancel()
		if err != nil || m.Text != text || m.Binary != nil {
			t.Fatalf("received %q, %v, want %q", m.Text, err, text)
		}
	}
}

// silent checks that nothing has come.
func silent(t *testing.T, ws *dotest.WebSocket) {
	t.Helper()
	synctest.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if m, err := ws.Receive(ctx); !is(err, context.Canceled) {
		t.Errorf("received %q, %v, want nothing", m.Text, err)
	}
}

// ends checks how the object closed.
func ends(t *testing.T, ws *dotest.WebSocket, code int, reason string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	if c, err := ws.Closed(ctx); err != nil || c.Code != code || c.Reason != reason {
		t.Errorf("closed with %d %q, %v, want %d %q", c.Code, c.Reason, err, code, reason)
	}
}

// listed is how many sockets the object has.
func listed(t *testing.T, env *dotest.Runtime, stub *do.Stub) (n int) {
	t.Helper()
	inChat(t, env, stub, func(_ context.Context, c *chat) error { n = len(c.state.WebSockets()); return nil })
	return n
}
