package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/durablego/do"
	"github.com/durablego/do/sqlstorage"
)

// What a room allows.
const (
	maxName    = 32   // characters
	maxText    = 2000 // characters
	remembered = 200  // messages that a newcomer is shown
	burst      = 5    // messages at once from one socket; then one per interval
	interval   = time.Second
	keep       = 30 * 24 * time.Hour // how old a message may get
)

// A Room is a chat room. It sleeps while nobody speaks; its sockets stay.
type Room struct{ state *do.State }

var (
	_ do.WebSocketHandler = (*Room)(nil)
	_ do.Alarmer          = (*Room)(nil)
)

func init() {
	do.RegisterClass(do.Class[*Room]{Binding: "ROOM", New: NewRoom, Compress: true})
}

var migrations = []sqlstorage.Migration{
	{ID: "1 messages", SQL: "CREATE TABLE messages(id INTEGER PRIMARY KEY, at INTEGER NOT NULL, name TEXT NOT NULL, text TEXT NOT NULL)"},
}

// NewRoom is Room's constructor. It runs when a room comes into memory.
func NewRoom(_ context.Context, state *do.State, _ *do.Env) (*Room, error) {
	return &Room{state}, nil
}

// person is what a socket knows of who sits behind it. It outlives the instance.
type person struct {
	Name    string
	Credit  int       // messages that may be sent at once
	Counted time.Time // when Credit was right
}

// line is a message of the room.
type line struct {
	ID   int64  `json:"id"`
	At   int64  `json:"at"` // in milliseconds since 1970
	Name string `json:"name"`
	Text string `json:"text"`
}

// event is what the room tells a page. Kind says which of the others count.
type event struct {
	Kind    string   `json:"kind"` // "hello", "line", "people" or "trouble"
	You     string   `json:"you,omitempty"`
	History []line   `json:"history,omitempty"`
	Line    *line    `json:"line,omitempty"`
	People  []string `json:"people,omitempty"`
	Trouble string   `json:"trouble,omitempty"`
}

// request is what a page asks for: to say something or to be called something else.
type request struct {
	Say    string `json:"say"`
	Rename string `json:"rename"`
}

// Fetch takes the sockets.
func (r *Room) Fetch(ctx context.Context, q *http.Request) (*http.Response, error) {
	name, trouble := cleanName(q.URL.Query().Get("name"))
	if trouble != "" {
		return do.Text(http.StatusBadRequest, trouble+"\n"), nil
	}
	ws, response, err := r.state.Accept(q)
	if errors.Is(err, do.ErrNotUpgrade) {
		return do.Text(http.StatusUpgradeRequired, "a room speaks WebSocket\n"), nil
	}
	if err != nil {
		return nil, err
	}
	if err := ws.SetAttachment(person{Name: name, Credit: burst, Counted: time.Now()}); err != nil {
		return nil, err
	}
	if err := r.state.SQL().Migrate(ctx, migrations); err != nil {
		return nil, err
	}
	history, err := r.history(ctx)
	if err != nil {
		return nil, err
	}
	if err := send(ws, event{Kind: "hello", You: name, History: history}); err != nil {
		return nil, err
	}
	return response, r.tellPeople(nil)
}

// history gives the newest messages, the oldest of them first.
func (r *Room) history(ctx context.Context) (lines []line, err error) {
	for l, err := range sqlstorage.Query[line](ctx, r.state.SQL(), "SELECT id, at, name, text FROM messages ORDER BY id DESC LIMIT ?", remembered) {
		if err != nil {
			return nil, err
		}
		lines = append(lines, l)
	}
	slices.Reverse(lines)
	return lines, nil
}

// WebSocketMessage says or renames. What is said is on disk before anybody reads it.
func (r *Room) WebSocketMessage(ctx context.Context, ws *do.WebSocket, m do.Message) error {
	var q request
	if err := json.Unmarshal([]byte(m.Text), &q); err != nil {
		return send(ws, event{Kind: "trouble", Trouble: "that was no message of this page"})
	}
	var p person
	if _, err := ws.Attachment(&p); err != nil {
		return err
	}
	allowed := p.spend(time.Now())
	defer func() { _ = ws.SetAttachment(p) }() // it fits
	if !allowed {
		return send(ws, event{Kind: "trouble", Trouble: "not so fast"})
	}
	if q.Rename != "" {
		name, trouble := cleanName(q.Rename)
		if trouble != "" {
			return send(ws, event{Kind: "trouble", Trouble: trouble})
		}
		p.Name = name
		if err := ws.SetAttachment(p); err != nil {
			return err
		}
		return r.tellPeople(nil)
	}
	text := strings.TrimSpace(q.Say)
	if text == "" || utf8.RuneCountInString(text) > maxText {
		return send(ws, event{Kind: "trouble", Trouble: "a message has 1 to 2,000 characters"})
	}
	return r.say(ctx, p.Name, text)
}

func (r *Room) say(ctx context.Context, name, text string) error {
	now := time.Now()
	l := line{At: now.UnixMilli(), Name: name, Text: text}
	id, err := sqlstorage.QueryOne[int64](ctx, r.state.SQL(),
		"INSERT INTO messages(at, name, text) VALUES(?, ?, ?) RETURNING id", l.At, name, text)
	if err != nil {
		return err
	}
	l.ID = id
	if _, set, err := r.state.Storage().Alarm(ctx); err != nil {
		return err
	} else if !set {
		if err := r.state.Storage().SetAlarm(ctx, now.Add(keep)); err != nil {
			return err
		}
	}
	return r.tell(event{Kind: "line", Line: &l})
}

// Alarm forgets what is too old. It comes when the oldest message is.
func (r *Room) Alarm(ctx context.Context, _ do.AlarmInfo) error {
	db, now := r.state.SQL(), time.Now()
	if _, err := db.Exec(ctx, "DELETE FROM messages WHERE at <= ?", now.Add(-keep).UnixMilli()); err != nil {
		return err
	}
	oldest, err := sqlstorage.QueryOne[*int64](ctx, db, "SELECT min(at) FROM messages")
	if err != nil {
		return err
	}
	if oldest == nil { // an empty room leaves nothing behind
		return r.state.Storage().DeleteAll(ctx)
	}
	return r.state.Storage().SetAlarm(ctx, time.UnixMilli(*oldest).Add(keep))
}

// WebSocketClose lets somebody go.
func (r *Room) WebSocketClose(ctx context.Context, ws *do.WebSocket, _ do.CloseInfo) error {
	return r.leave(ctx, ws)
}

// WebSocketError lets somebody go.
func (r *Room) WebSocketError(ctx context.Context, ws *do.WebSocket, _ error) error {
	return r.leave(ctx, ws)
}

// leave tells the others. A room where nothing was said leaves nothing behind.
func (r *Room) leave(ctx context.Context, ws *do.WebSocket) error {
	if err := r.tellPeople(ws); err != nil || len(r.state.WebSockets()) > 1 {
		return err
	}
	said, err := r.history(ctx)
	if err != nil || len(said) > 0 {
		return err
	}
	return r.state.Storage().DeleteAll(ctx)
}

// tellPeople tells everybody who is here, without one who is going.
func (r *Room) tellPeople(but *do.WebSocket) error {
	names := []string{}
	for _, ws := range r.state.WebSockets() {
		var p person
		if ws == but {
			continue
		}
		if _, err := ws.Attachment(&p); err != nil {
			return err
		}
		if !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
	}
	slices.Sort(names)
	return r.tell(event{Kind: "people", People: names})
}

func (r *Room) tell(e event) error {
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return r.state.Broadcast(do.Message{Text: string(b)})
}

func send(ws *do.WebSocket, e event) error {
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return ws.Send(do.Message{Text: string(b)})
}

// spend takes one message from what p may send.
func (p *person) spend(now time.Time) bool {
	if earned := now.Sub(p.Counted) / interval; earned > 0 {
		p.Credit = min(p.Credit+int(min(earned, burst)), burst)
		p.Counted = now
	}
	if p.Credit == 0 {
		return false
	}
	p.Credit--
	return true
}

// cleanName gives a name without what would make it look like another, or why it is none.
func cleanName(s string) (name, trouble string) {
	name = strings.Join(strings.Fields(s), " ")
	if n := utf8.RuneCountInString(name); n == 0 || n > maxName || !utf8.ValidString(name) {
		return "", "a name has 1 to 32 characters"
	}
	return name, ""
}
