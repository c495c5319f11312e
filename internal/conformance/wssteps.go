package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
)

// A client is the caller's end of a connection.
type client struct {
	ws    *dotest.WebSocket
	pings []string // whose pongs were not looked at yet
}

// oracleHeader carries what the object is to do with a handshake.
const oracleHeader = "X-Oracle"

// socketSteps are the steps of the caller's ends.
var socketSteps = map[string]func(*caller, context.Context, Node) (any, error){
	"ws.open": func(r *caller, _ context.Context, s Node) (any, error) {
		stub, err := r.stub(s)
		if err != nil {
			return nil, err
		}
		text, err := json.Marshal(s)
		if err != nil {
			return nil, err
		}
		ws, err := r.process.Dial(stub, "/ws", func(q *http.Request) { q.Header.Set(oracleHeader, url.QueryEscape(string(text))) })
		if err != nil {
			return nil, err
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.clients[s.text("conn")] = &client{ws: ws}
		return okay, nil
	},
	"ws.say": onClient(func(_ context.Context, c *client, s Node) (any, error) {
		m := message(s)
		if s.has("ops") {
			ops, err := json.Marshal(s["ops"])
			if err != nil {
				return nil, err
			}
			m = do.Message{Text: opsPrefix + string(ops)}
		}
		return done(c.ws.Send(m))
	}),
	"ws.recv": onClient(receive),
	"ws.ping": onClient(func(_ context.Context, c *client, s Node) (any, error) {
		c.pings = append(c.pings, s.text("text"))
		return okay, nil
	}),
	"ws.hangup": onClient(func(_ context.Context, c *client, s Node) (any, error) {
		return done(c.ws.Close(int(s.number("code")), s.text("reason")))
	}),
	"ws.drop": onClient(func(_ context.Context, c *client, _ Node) (any, error) { return done(c.ws.Cut()) }),
	"ws.closed": onClient(func(ctx context.Context, c *client, s Node) (any, error) {
		ctx, cancel := timeLimit(ctx, s)
		defer cancel()
		end, err := c.ws.Closed(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			return map[string]any{"open": true}, nil
		}
		return map[string]any{"code": float64(end.Code), "reason": encode(end.Reason)}, err
	}),
}

func onClient(f func(context.Context, *client, Node) (any, error)) func(*caller, context.Context, Node) (any, error) {
	return func(r *caller, ctx context.Context, s Node) (any, error) {
		r.mu.Lock()
		c := r.clients[s.text("conn")]
		r.mu.Unlock()
		if c == nil {
			return nil, fmt.Errorf("there is no connection %q", s.text("conn"))
		}
		return f(ctx, c, s)
	}
}

func timeLimit(ctx context.Context, s Node) (context.Context, context.CancelFunc) {
	ms := 4000.0
	if s.has("timeout") {
		ms = s.number("timeout")
	}
	return context.WithTimeout(ctx, milliseconds(ms))
}

// receive gives messages, or what is left at the end, and pongs that were asked for.
func receive(ctx context.Context, c *client, s Node) (any, error) {
	ctx, cancel := timeLimit(ctx, s)
	defer cancel()
	count := 1
	if s.has("count") {
		count = int(s.number("count"))
	}
	got := []any{}
	for len(got) < count && len(c.pings) > 0 {
		text := c.pings[0]
		c.pings = c.pings[1:]
		if err := c.ws.Ping(ctx, text); err != nil {
			return nil, err
		}
		got = append(got, map[string]any{"pong": text})
	}
	for len(got) < count {
		m, err := c.ws.Receive(ctx)
		if err != nil {
			break // the time is over, or the connection
		}
		got = append(got, shownMessage(m))
	}
	return map[string]any{"messages": got}, nil
}

func shownMessage(m do.Message) map[string]any {
	if m.Binary == nil {
		return map[string]any{"text": encode(m.Text)}
	}
	bytes := encode(m.Binary)
	if plain, ok := asMap(bytes)["$bytes"]; ok {
		bytes = plain
	}
	return map[string]any{"bytes": bytes}
}

// message gives the text or bytes of a step or op.
func message(n Node) do.Message {
	if !n.has("bytes") {
		return do.Message{Text: n.text("text")}
	}
	b, _ := decode(map[string]any{"$bytes": n["bytes"]}).([]byte)
	return do.Message{Binary: append([]byte{}, b...)}
}

// noted keeps an event of an object that has just begun; end completes it.
func (w *world) noted(full string, event map[string]any) (end func(how string, results []any)) {
	event["results"], event["end"] = []any{}, "running"
	w.note(full, event)
	return func(how string, list []any) {
		w.mu.Lock()
		defer w.mu.Unlock()
		event["results"], event["end"] = results(list), how
	}
}
