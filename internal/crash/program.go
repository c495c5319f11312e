package crash

import (
	"net/http"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/router"
	"github.com/go-chi/chi/v5"
)

// binding is that of the ledgers.
const binding = "LEDGER"

// peerSecret is that of the program and its peer, the script "caller".
var peerSecret = []byte("no secret, as everybody can read it here")

// tallyFile is appended to the name of the program's folder for that of the tallies' file.
const tallyFile = "-tally"

// options serve ledgers from a folder, with limits so small that checkpoints, closings of
// databases and evictions happen all the time.
func options(dir string) do.Options {
	s := do.NewScript("main")
	do.RegisterIn(s, do.Class[*ledger]{Binding: binding, New: newLedger, IdleTimeout: 15 * time.Millisecond})
	do.RegisterIn(s, do.Class[*phoenix]{Binding: phoenixes, New: newPhoenix, IdleTimeout: 15 * time.Millisecond})
	do.RegisterIn(s, do.Class[*ringer]{Binding: ringers, New: newRinger, IdleTimeout: 15 * time.Millisecond})
	do.RegisterIn(s, do.Class[*tally]{Binding: tallies, New: newTally(dir + tallyFile), IdleTimeout: 15 * time.Millisecond})
	return do.Options{
		Dir: dir, Scripts: []*do.Script{s}, MaxOpenDatabases: 4, CheckpointBytes: 100_000,
		Peers: map[string]do.Peer{"caller": {Secret: peerSecret}},
	}
}

// handler is the program's door.
func handler(rt *do.Runtime) chi.Router {
	r := chi.NewRouter()
	r.Mount("/ledger/{name}", router.ByName(rt.Namespace(binding), "name"))
	r.Mount("/phoenix/{name}", router.ByName(rt.Namespace(phoenixes), "name"))
	r.Mount("/peer", rt.PeerHandler())
	r.Get("/phoenixes", serveList(rt))
	r.Delete("/phoenixes/{name}", serveDelete(rt))
	r.Mount("/ringer/{name}", router.ByName(rt.Namespace(ringers), "name"))
	r.Get("/alarms", func(w http.ResponseWriter, q *http.Request) {
		n := 0
		for o, err := range rt.Namespace(ringers).Objects(q.Context(), do.ObjectsOptions{}) {
			if err != nil {
				reply(w, nil, err)
				return
			}
			if !o.Alarm.IsZero() {
				n++
			}
		}
		reply(w, n, nil)
	})
	return r
}
