package do

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/durablego/do/internal/actor"
	"github.com/durablego/do/internal/alarm"
	"github.com/durablego/do/internal/bridge"
	"github.com/durablego/do/internal/catalog"
	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/durable"
	"github.com/durablego/do/internal/socket"
	"github.com/durablego/do/kvstorage"
	"github.com/go-chi/chi/v5"
)

// hiddenKey is what an object must not see of its caller's context: chi reuses its routing
// context after the caller has hung up (F4).
var hiddenKey any = chi.RouteCtxKey

// Runtime serves the objects of a data folder. Safe for concurrent use.
type Runtime struct {
	options   Options
	dir       string
	temporary bool
	fs        disk.FS
	opener    durable.Opener
	shared    *durable.Shared // the opener, unless relaxed
	whole     *disk.Whole     // the file system of dir, if it can be synced as one
	limits    kvstorage.Limits
	transport *http.Transport
	lock      *folderLock
	scripts   map[string]*Bindings
	first     *Bindings
	methods   methods
	answers   actor.Answers
	workers   actor.Workers
	databases databases
	doubts    *doubts
	tasks     *tasks
	alarms    *alarm.Schedule
	spaces    []*served // by served.space
	peers     *peers
	plan      Plan
	resting   map[string]bool // the unique keys of what is in the folder and not served
	unclean   []string        // what the next Open must know of these; see uncleanFile
	sockets   *socket.Hub
	started   time.Time     // the zero of idle times
	closers   chan struct{} // bounds the databases that are closed at once

	checkGoroutine bool                    // of each storage call (T5); tests only
	commitFault    func(path string) error // likewise

	closing  atomic.Bool // calls from outside are refused
	closed   atomic.Bool // all calls are
	stopless atomic.Bool // Stop is not called any more
	untidy   atomic.Bool // something could not be closed as it should be
	marked   atomic.Bool // the folder says so, durably
	end      sync.Once
	ended    chan struct{}
	endErr   error
}

// Open opens a data folder, made if there is none, and serves the objects of its scripts,
// which are frozen by it. What has changed in their classes since the last Open is applied
// in one piece, see Runtime.Plan. Errors: ErrLocked if another runtime has the folder (L19),
// *PlanError if the classes contradict what is in it (P8), ErrUnresolved for a Ref that leads
// nowhere (P10), ErrNewerFormat, ErrDamagedLog, ErrInvalidOptions, and those of the file system.
func Open(o Options) (*Runtime, error) { return open(o, bridge.Config{}) }

func open(o Options, b bridge.Config) (_ *Runtime, err error) {
	o, err = o.withDefaults()
	if err != nil {
		return nil, err
	}
	rt := &Runtime{
		options: o,
		dir:     o.Dir,
		fs:      b.FS,
		limits: kvstorage.Limits{
			MaxKeyBytes:    o.MaxKeyBytes,
			MaxEntryBytes:  o.MaxEntryBytes,
			MaxKeysPerCall: o.MaxKeysPerCall,
		},
		transport: newTransport(),
		sockets: socket.NewHub(socket.Options{
			MaxMessage: o.MaxMessageBytes,
			MaxQueued:  o.SocketQueueBytes,
			Ping:       o.PingInterval,
		}),

		checkGoroutine: b.CheckGoroutine,
		commitFault:    b.CommitFault,

		scripts: map[string]*Bindings{},
		started: time.Now(),
		closers: make(chan struct{}, 64),
		ended:   make(chan struct{}),
		tasks:   newTasks(),
		doubts:  newDoubts(),
	}
	vars := make(map[string]any, len(o.Vars))
	for k, v := range o.Vars {
		vars[k] = v
	}
	rt.options.Vars = vars
	rt.databases = databases{max: o.MaxOpenDatabases, open: map[*cell]struct{}{}, closing: map[*cell]struct{}{}}
	if rt.fs == nil {
		rt.fs = disk.OS()
	}
	if o.DryRun {
		if err := rt.openDry(b); err != nil {
			return nil, err
		}
		return rt, nil
	}
	relaxed := o.Relaxed
	if rt.dir == "" {
		if rt.dir, err = os.MkdirTemp("", "do-"); err != nil {
			return nil, fmt.Errorf("do: open: %w", err)
		}
		rt.temporary, relaxed = true, true
	}
	defer func() {
		if err != nil {
			rt.release()
		}
	}()
	if rt.dir, err = filepath.Abs(rt.dir); err != nil {
		return nil, fmt.Errorf("do: open: %w", err)
	}
	if err = rt.makeDir(!relaxed); err != nil {
		return nil, fmt.Errorf("do: open: %w", err)
	}
	if rt.lock, err = lockFolder(rt.dir); err != nil {
		return nil, err
	}
	if rt.peers, err = rt.newPeers(b); err != nil { // after the runtime before this one (B5)
		return nil, err
	}
	if err = rt.openLog(relaxed, b); err != nil {
		return nil, fmt.Errorf("do: open: %w", err)
	}
	if err = rt.mount(b, relaxed); err != nil {
		return nil, err
	}
	rt.alarms = rt.newAlarms(b.NoAlarms)
	if rt.temporary {
		return rt, nil
	}
	if err = rt.sweep(); err != nil {
		return nil, fmt.Errorf("do: open: %w", err)
	}
	if err = rt.repairAll(relaxed); err != nil {
		_ = rt.closeLog() // what is in it stays there
		rt.closeIndexes() // what was left to do, UNCLEAN still says
		return nil, fmt.Errorf("do: open: %w", err)
	}
	rt.alarms.Start()
	return rt, nil
}

// openDry is open for Options.DryRun.
func (rt *Runtime) openDry(b bridge.Config) (err error) {
	if rt.peers, err = rt.newPeers(b); err != nil {
		return err
	}
	if rt.dir == "" {
		rt.dir, rt.fs = "data", disk.Mem()
	} else if rt.dir, err = filepath.Abs(rt.dir); err != nil {
		return fmt.Errorf("do: open: %w", err)
	}
	if err := rt.mount(b, true); err != nil {
		return errors.Join(err, rt.release())
	}
	rt.alarms = rt.newAlarms(true)
	return nil
}

// makeDir makes the data folder if there is none. What it will hold is only as durable as
// its own name, and those of the folders made for it.
func (rt *Runtime) makeDir(durably bool) error {
	made := missing(rt.fs, rt.dir)
	if err := rt.fs.MkdirAll(rt.dir); err != nil || !durably {
		return err
	}
	for _, dir := range made {
		if err := rt.fs.SyncDir(filepath.Dir(dir)); err != nil {
			return err
		}
	}
	if made == nil && !catalog.Exists(rt.fs, rt.dir) {
		// Perhaps made by an Open that did not get to sync it. Or by somebody else, and then
		// the folder it is in may be closed to us.
		_ = rt.fs.SyncDir(filepath.Dir(rt.dir))
	}
	return nil
}

// missing gives dir and its parents as far as they do not exist.
func missing(fsys disk.FS, dir string) (dirs []string) {
	for ; ; dir = filepath.Dir(dir) {
		if _, err := fsys.Stat(dir); !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return dirs
		}
		dirs = append(dirs, dir)
	}
}

// Namespace gives the namespace behind a binding of the first script. An unknown binding
// panics (L22).
func (rt *Runtime) Namespace(binding string) *Namespace { return rt.first.Namespace(binding) }

// Script gives the bindings of a script by its name. An unknown one panics.
func (rt *Runtime) Script(name string) *Bindings {
	b := rt.scripts[name]
	if b == nil {
		panic(fmt.Sprintf("do: there is no script %q", name))
	}
	return b
}

// Close ends the runtime in order (L21): calls from outside get ErrClosed; events that
// began or wait run to their end, and so does WaitUntil work, with calls between objects
// still possible; then instances are told by Stop, everything is made durable, and
// databases and folder are closed. Call it after the HTTP server's Shutdown.
//
// If ctx ends first, what still runs is cut off: callers get ErrClosed, writes since the
// last commit point are undone (T34.12), and Close returns ctx's error once everything is
// closed. A second Close waits for the first and returns the same.
func (rt *Runtime) Close(ctx context.Context) error {
	rt.end.Do(func() {
		rt.closing.Store(true)
		rt.alarms.Close()
		rt.tasks.cancel(ErrClosed)
		rt.sockets.Deafen()
		rt.endErr = rt.drain(ctx)
		rt.tasks.close()
		rt.peers.close()
		rt.sockets.Close()
		err := rt.closeLog()
		rt.closeIndexes()
		rt.leaveUnclean()
		if err = errors.Join(err, rt.release()); rt.endErr == nil {
			rt.endErr = err
		}
		close(rt.ended)
	})
	<-rt.ended
	return rt.endErr
}

// stopRounds is how often Close goes through the objects that calls of the others' Stop
// have built anew, and tells these too. Two that call each other would keep it busy for ever.
const stopRounds = 64

// drain takes every object out of memory, and lets none in again.
func (rt *Runtime) drain(ctx context.Context) error {
	for round := 1; ctx.Err() == nil; round++ {
		rt.stopless.Store(round > stopRounds)
		cells := rt.cells()
		if len(cells) == 0 && rt.closed.Swap(true) {
			return nil
		}
		// First all go quiet, so that none leaves while another may still call it.
		rt.each(cells, func(c *cell) { _ = c.mb.WaitQuiet(ctx) })
		rt.each(cells, func(c *cell) { _ = c.mb.Leave(ctx, actor.StopClose, true) })
	}
	rt.closed.Store(true)
	rt.each(rt.cells(), func(c *cell) { c.mb.Kill(ctx) })
	return ctx.Err()
}

func (rt *Runtime) each(cells []*cell, f func(*cell)) {
	var wg sync.WaitGroup
	for _, c := range cells {
		wg.Go(func() { f(c) })
	}
	wg.Wait()
}

func (rt *Runtime) cells() []*cell {
	var cells []*cell
	for _, s := range rt.spaces {
		cells = append(cells, s.all()...)
	}
	return cells
}

// release gives back what Open took.
func (rt *Runtime) release() error {
	rt.transport.CloseIdleConnections()
	rt.workers.Close()
	errs := []error{rt.closeLog()}
	if rt.whole != nil {
		errs = append(errs, rt.whole.Close())
	}
	if rt.lock != nil {
		errs = append(errs, rt.lock.unlock())
	}
	if rt.temporary {
		errs = append(errs, os.RemoveAll(rt.dir))
	}
	return errors.Join(errs...)
}

// newTransport is a copy of net/http's default one, which a program may have replaced by
// something of another kind.
func newTransport() *http.Transport {
	if t, ok := http.DefaultTransport.(*http.Transport); ok {
		return t.Clone()
	}
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		ForceAttemptHTTP2:   true,
		MaxIdleConns:        100,
		IdleConnTimeout:     90 * time.Second,
		TLSHandshakeTimeout: 10 * time.Second,
	}
}
