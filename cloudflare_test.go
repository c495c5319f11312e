package do_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/kvstorage"
)

// docs/from-cloudflare.md quotes from here, too.

// Reminder has an alarm.
type Reminder struct{ state *do.State }

var _ do.Alarmer = (*Reminder)(nil)

func NewReminder(ctx context.Context, state *do.State, env *do.Env) (*Reminder, error) {
	return &Reminder{state}, nil
}

func (r *Reminder) Fetch(ctx context.Context, req *http.Request) (*http.Response, error) {
	if _, set, err := r.state.Storage().Alarm(ctx); err != nil || set {
		return do.Text(http.StatusOK, "it is set"), err
	}
	err := r.state.Storage().SetAlarm(ctx, time.Now().Add(10*time.Second))
	return do.Text(http.StatusOK, "now it is set"), err
}

func (r *Reminder) Alarm(ctx context.Context, info do.AlarmInfo) error {
	return r.state.KV().Put(ctx, "reminded", info.ScheduledTime)
}

// Room holds WebSockets while it sleeps.
type Room struct{ state *do.State }

var _ do.WebSocketHandler = (*Room)(nil)

func NewRoom(ctx context.Context, state *do.State, env *do.Env) (*Room, error) {
	return &Room{state}, nil
}

func (r *Room) Fetch(ctx context.Context, req *http.Request) (*http.Response, error) {
	ws, res, err := r.state.Accept(req, "everybody")
	if err != nil {
		return nil, err
	}
	return res, ws.SetAttachment(req.URL.Query().Get("name"))
}

func (r *Room) WebSocketMessage(ctx context.Context, ws *do.WebSocket, m do.Message) error {
	return r.state.Broadcast(m, "everybody")
}

func (r *Room) WebSocketClose(ctx context.Context, ws *do.WebSocket, c do.CloseInfo) error {
	return nil
}

func (r *Room) WebSocketError(ctx context.Context, ws *do.WebSocket, err error) error { return nil }

// Keys uses the key-value face.
type Keys struct{ state *do.State }

func NewKeys(ctx context.Context, state *do.State, env *do.Env) (*Keys, error) {
	return &Keys{state}, nil
}

func (k *Keys) Fetch(ctx context.Context, r *http.Request) (*http.Response, error) {
	kv := k.state.KV()
	if err := kv.PutMany(ctx, map[string]any{"a1": 1, "a2": 2, "b": "other"}); err != nil {
		return nil, err
	}
	sum := 0
	for item, err := range kvstorage.List[int](ctx, kv, kvstorage.ListOptions{Prefix: "a"}) {
		if err != nil {
			return nil, err
		}
		sum += item.Value
	}
	return do.JSON(http.StatusOK, sum), nil
}

// TestFromCloudflare runs the classes above.
func TestFromCloudflare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := do.NewScript("main")
		do.RegisterIn(s, do.Class[*Reminder]{Binding: "REMINDER", New: NewReminder})
		do.RegisterIn(s, do.Class[*Room]{Binding: "ROOM", New: NewRoom})
		do.RegisterIn(s, do.Class[*Keys]{Binding: "KEYS", New: NewKeys})
		env := dotest.New(t, dotest.Options{Runtime: do.Options{Scripts: []*do.Script{s}}})

		res, err := env.Namespace("KEYS").GetByName("x").Fetch(t.Context(), request(t, "/"))
		wantBody(t, res, err, "3\n")

		stub := env.Namespace("REMINDER").GetByName("x")
		res, err = stub.Fetch(t.Context(), request(t, "/"))
		wantBody(t, res, err, "now it is set")
		set := time.Now()
		pass(11 * time.Second)
		wantNil(t, dotest.RunInObject(env, stub, func(ctx context.Context, r *Reminder, state *do.State) error {
			at, _, err := kvstorage.Get[time.Time](ctx, state.KV(), "reminded")
			if !at.Equal(set.Add(10 * time.Second)) {
				t.Errorf("reminded at %v, want 10 s after %v", at, set)
			}
			return err
		}))

		room := env.Namespace("ROOM").GetByName("x")
		conn, err := env.Dial(room, "/?name=ann")
		wantNil(t, err)
		wantNil(t, env.Evict(room)) // it sleeps
		wantNil(t, conn.Send(do.Message{Text: "hello"}))
		m, err := conn.Receive(t.Context())
		if err != nil || m.Text != "hello" {
			t.Errorf("received %q, %v", m.Text, err)
		}
		wantNil(t, conn.Close(1000, ""))
	})
}

// TestMigrationsFromCloudflare has programs before and after migrations.
func TestMigrationsFromCloudflare(t *testing.T) {
	dir := t.TempDir()
	start := func(plan string, scripts ...*do.Script) *do.Runtime {
		t.Helper()
		return opened(t, do.Options{Dir: dir, Scripts: scripts}, plan)
	}

	s := do.NewScript("main")
	do.RegisterIn(s, do.Class[*ChatRoom]{Binding: "ROOMS", NamespaceID: "chat-rooms", New: NewChatRoom})
	do.RegisterIn(s, do.Class[*Counter]{Binding: "COUNTER", NamespaceID: "counter", New: NewCounter})
	rt := start("create main/chat-rooms, create main/counter", s)
	count(t, rt.Namespace("COUNTER"), 1, 1)
	closeNow(t, rt)

	s = do.NewScript("main")
	s.Tombstone("chat-rooms")
	other := do.NewScript("other")
	do.RegisterIn(other, do.Class[*MyCounter]{
		Binding: "COUNTER", NamespaceID: "counter", New: NewMyCounter,
		MovedFrom: []do.Ref{{Script: "main"}},
	})
	rt = start("move other/counter, delete main/chat-rooms", s, other)
	count(t, rt.Script("other").Namespace("COUNTER"), 1, 2)
	closeNow(t, rt)

	dry, err := do.Open(do.Options{Dir: dir, DryRun: true, Scripts: []*do.Script{s, other}})
	if err != nil {
		t.Fatal(err) // a *do.PlanError says what to write
	}
	t.Log(dry.Plan())
	closeNow(t, dry)
}

// TestDocsQuoteCode finds every piece of Go in docs/from-cloudflare.md in code that is
// compiled and run.
func TestDocsQuoteCode(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("docs", "from-cloudflare.md"))
	wantNil(t, err)
	files, err := filepath.Glob("*_test.go")
	wantNil(t, err)
	programs, err := filepath.Glob(filepath.Join("example", "*", "*", "*.go"))
	wantNil(t, err)
	var code string
	for _, name := range slices.Concat(files, programs) {
		b, err := os.ReadFile(name)
		wantNil(t, err)
		code += "\n" + flat(string(b)) + "\n"
	}
	blocks := strings.Split(string(text), "```go\n")[1:]
	for _, block := range blocks {
		block, _, _ = strings.Cut(block, "```")
		if !strings.Contains(code, "\n"+flat(block)+"\n") {
			t.Errorf("no test has this:\n%s", block)
		}
	}
	if len(blocks) < 10 {
		t.Errorf("%d pieces of Go in the page", len(blocks))
	}
}

// flat is text without the space around its lines.
func flat(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimSpace(l)
	}
	return strings.Join(lines, "\n")
}
