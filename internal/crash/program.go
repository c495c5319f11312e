package crash

import (
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/router"
	"github.com/go-chi/chi/v5"
)

// binding is that of the ledgers.
const binding = "LEDGER"

// options serve ledgers from a folder, with limits so small that checkpoints, closings of
// databases and evictions happen all the time.
func options(dir string) do.Options {
	s := do.NewScript("main")
	do.RegisterIn(s, do.Class[*ledger]{Binding: binding, New: newLedger, IdleTimeout: 15 * time.Millisecond})
	return do.Options{Dir: dir, Scripts: []*do.Script{s}, MaxOpenDatabases: 4, CheckpointBytes: 100_000}
}

// handler is the program's door.
func handler(rt *do.Runtime) chi.Router {
	r := chi.NewRouter()
	r.Mount("/ledger/{name}", router.ByName(rt.Namespace(binding), "name"))
	return r
}
