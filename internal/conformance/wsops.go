package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/durablego/do"
)

// opsPrefix begins a text whose rest is ops to run.
const opsPrefix = "ops:"

var _ do.WebSocketHandler = (*object)(nil)

// A socketScope is the event of a socket.
type socketScope struct {
	ws      *do.WebSocket
	message do.Message
	aborted bool
}

// upgrade accepts a WebSocket.
func (o *object) upgrade(r *http.Request, text string) (*http.Response, error) {
	plain, err := url.QueryUnescape(text)
	if err != nil {
		return nil, err
	}
	var q Node
	if err := json.Unmarshal([]byte(plain), &q); err != nil {
		return nil, err
	}
	ws, response, err := o.state.Accept(r, q.texts("tags")...)
	if err == nil && q.has("attach") {
		err = ws.SetAttachment(decode(q["attach"]))
	}
	if err == nil && q.has("first") {
		err = ws.Send(do.Message{Text: q.text("first")})
	}
	return response, err
}

// WebSocketMessage runs the ops in the message, or those of the program.
func (o *object) WebSocketMessage(ctx context.Context, ws *do.WebSocket, m do.Message) error {
	event := map[string]any{"ev": "message", "instance": float64(o.instance)}
	ops := o.w.program(o.full).list("message")
	switch {
	case m.Binary != nil:
		event["data"] = encode(m.Binary)
	case strings.HasPrefix(m.Text, opsPrefix):
		event["data"] = opsPrefix
		ops = nil
		if err := json.Unmarshal([]byte(m.Text[len(opsPrefix):]), &ops); err != nil {
			return err
		}
	default:
		event["data"] = encode(m.Text)
	}
	return o.socketEvent(ctx, event, ops, &socketScope{ws: ws, message: m})
}

// WebSocketClose runs the program's ops.
func (o *object) WebSocketClose(ctx context.Context, ws *do.WebSocket, c do.CloseInfo) error {
	event := map[string]any{
		"ev": "close", "code": float64(c.Code), "reason": encode(c.Reason), "clean": c.Clean, "instance": float64(o.instance),
	}
	return o.socketEvent(ctx, event, o.w.program(o.full).list("close"), &socketScope{ws: ws})
}

// WebSocketError runs the program's ops.
func (o *object) WebSocketError(ctx context.Context, ws *do.WebSocket, _ error) error {
	event := map[string]any{"ev": "error", "instance": float64(o.instance)}
	return o.socketEvent(ctx, event, o.w.program(o.full).list("error"), &socketScope{ws: ws})
}

func (o *object) socketEvent(ctx context.Context, event map[string]any, ops []Node, socket *socketScope) error {
	o.w.enter(o.full)
	end := o.w.noted(o.full, event)
	ctx, leave := o.begin(ctx)
	defer leave()
	s := &scope{socket: socket}
	defer func() {
		if socket.aborted { // the goroutine ends
			end("abort", s.results)
		}
	}()
	err := o.run(ctx, ops, s)
	if socket.ws == nil && o.cut(ctx) { // the reference's handler does not come back
		end("running", before(s.results))
	} else if err != nil {
		end("throw", s.results)
	} else {
		end("return", s.results)
	}
	return err
}

// program gives the handlers of an object.
func (w *world) program(full string) Node {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.programs[full]
}

// tagged gives the sockets of an op.
func (o *object) tagged(op Node) []*do.WebSocket {
	if op["tag"] == nil {
		return o.state.WebSockets()
	}
	return o.state.WebSockets(op.text("tag"))
}

// each does f with sockets and counts them.
func each(sockets []*do.WebSocket, f func(*do.WebSocket) error) (any, error) {
	for _, ws := range sockets {
		if err := f(ws); err != nil {
			return nil, err
		}
	}
	return valueOf(len(sockets), nil)
}

var errNoSocket = errors.New("conformance: not in an event of a socket")

// socketOp runs the ops of sockets.
func (o *object) socketOp(op Node, s *scope) (any, error) {
	end := func(ws *do.WebSocket) error { return ws.Close(int(op.number("code")), op.text("reason")) }
	switch op.kind() {
	case "ws.list":
		list := []any{}
		for _, ws := range o.tagged(op) {
			v, err := attachment(ws)
			if err != nil {
				return nil, err
			}
			list = append(list, map[string]any{"tags": shownTags(ws), "attachment": v})
		}
		return map[string]any{"sockets": list}, nil
	case "ws.count":
		return valueOf(len(o.tagged(op)), nil)
	case "ws.sendAll":
		return each(o.tagged(op), func(ws *do.WebSocket) error { return ws.Send(message(op)) })
	case "ws.closeAll":
		return each(o.tagged(op), end)
	case "ws.auto.set":
		if !op.has("request") {
			return done(o.state.ClearAutoResponse())
		}
		return done(o.state.SetAutoResponse(op.text("request"), op.text("response")))
	case "ws.auto.get":
		request, response, ok := o.state.AutoResponse()
		if !ok {
			return valueOf(nil, nil)
		}
		return valueOf([]any{request, response}, nil)
	case "ws.auto.stamp":
		stamped := []any{}
		for _, ws := range o.tagged(op) {
			stamped = append(stamped, !ws.AutoResponseAt().IsZero())
		}
		return map[string]any{"stamped": stamped}, nil
	case "ws.timeout.set":
		return done(o.state.SetWebSocketTimeout(milliseconds(op.number("ms"))))
	case "ws.timeout.get":
		d := o.state.WebSocketTimeout()
		if d == 0 {
			return valueOf(nil, nil)
		}
		return valueOf(float64(d/time.Millisecond), nil)
	case "ws.attach":
		sockets := o.tagged(op)
		if s.socket != nil {
			sockets = []*do.WebSocket{s.socket.ws}
		}
		_, err := each(sockets, func(ws *do.WebSocket) error { return ws.SetAttachment(decode(op["value"])) })
		return done(err)
	}
	if s.socket == nil {
		return nil, errNoSocket
	}
	ws := s.socket.ws
	switch op.kind() {
	case "ws.reply":
		return done(ws.Send(message(op)))
	case "ws.echo":
		return done(ws.Send(s.socket.message))
	case "ws.closeSelf":
		return done(end(ws))
	case "ws.tags":
		return map[string]any{"tags": shownTags(ws)}, nil
	case "ws.attachment":
		v, err := attachment(ws)
		return map[string]any{"value": v}, err
	case "ws.state":
		if ws.Closing() {
			return valueOf(2, nil)
		}
		return valueOf(1, nil)
	}
	return nil, errors.New("unknown op " + op.kind())
}

func attachment(ws *do.WebSocket) (any, error) {
	var v any
	_, err := ws.Attachment(&v)
	return encode(v), err
}

func shownTags(ws *do.WebSocket) []any {
	tags := []any{}
	for _, tag := range ws.Tags() {
		tags = append(tags, encode(tag))
	}
	return tags
}

// A silent object hears of no socket and has no alarm.
type silent struct{ o *object }

// Fetch is the object's.
func (s *silent) Fetch(ctx context.Context, r *http.Request) (*http.Response, error) {
	return s.o.Fetch(ctx, r)
}

// Turn is the object's.
func (s *silent) Turn(ctx context.Context, ops string) (string, error) { return s.o.Turn(ctx, ops) }

// A turner runs ops: every class does.
type turner interface {
	Turn(ctx context.Context, ops string) (string, error)
}
