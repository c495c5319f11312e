package crash

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/durablego/do"
	"github.com/go-chi/chi/v5"
)

// ringers is the binding of the objects with alarms.
const ringers = "RINGER"

// ringer is an object that is told to run its alarm, and writes down what came of it.
type ringer struct {
	state *do.State
	door  chi.Router
}

// rings is everything a ringer holds.
type rings struct {
	Want  int         // the number of the alarm that was set last
	At    time.Time   // of that
	Ran   map[int]int // how often which one ran, as far as its run was kept
	Early int         // runs before their time
}

func newRinger(_ context.Context, state *do.State, _ *do.Env) (*ringer, error) {
	r := &ringer{state: state, door: chi.NewRouter()}
	r.door.Post("/set/{number}", r.serveSet)
	r.door.Get("/rings", r.serveRings)
	return r, nil
}

// Fetch implements do.Object.
func (r *ringer) Fetch(_ context.Context, q *http.Request) (*http.Response, error) {
	return do.Serve(r.door, q)
}

func (r *ringer) serveSet(w http.ResponseWriter, q *http.Request) {
	number, err := strconv.Atoi(chi.URLParam(q, "number"))
	if err == nil {
		err = r.set(q.Context(), number)
	}
	reply(w, "set", err)
}

func (r *ringer) serveRings(w http.ResponseWriter, q *http.Request) {
	v, err := r.rings(q.Context())
	reply(w, v, err)
}

func (r *ringer) rings(ctx context.Context) (v rings, err error) {
	_, err = r.state.KV().Get(ctx, "rings", &v)
	if v.Ran == nil {
		v.Ran = map[int]int{}
	}
	return v, err
}

// set sets an alarm, some of them for at once.
func (r *ringer) set(ctx context.Context, number int) error {
	v, err := r.rings(ctx)
	if err != nil {
		return err
	}
	v.Want, v.At = number, time.Now().Add(time.Duration(number%40)*time.Millisecond)
	if err := r.state.KV().Put(ctx, "rings", v); err != nil {
		return err
	}
	return r.state.Storage().SetAlarm(ctx, v.At)
}

// Alarm implements do.Alarmer.
func (r *ringer) Alarm(ctx context.Context, _ do.AlarmInfo) error {
	v, err := r.rings(ctx)
	if err != nil {
		return err
	}
	if time.Now().Before(v.At) {
		v.Early++
	}
	v.Ran[v.Want]++
	return r.state.KV().Put(ctx, "rings", v)
}
