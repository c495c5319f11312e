package do

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/durablego/do/internal/actor"
	"github.com/durablego/do/internal/catalog"
	"github.com/durablego/do/internal/engine"
	"github.com/durablego/do/internal/gate"
	"github.com/durablego/do/internal/socket"
	"github.com/durablego/do/kvstorage"
	"github.com/durablego/do/sqlstorage"
)

// cell is one object in memory: its mailbox, its gate and its database. It outlives its
// instances, and goes when its mailbox is retired.
type cell struct {
	served  *served
	id      ID // without name
	mb      *actor.Mailbox
	gate    gate.Gate
	db      *engine.DB
	sockets atomic.Pointer[socket.Set] // nil before the first one is wanted

	used atomic.Uint64 // when its database was last used, by databases.clock

	// Holder of the baton only.
	named bool // the name is known to the database, or there is none to know

	filed atomic.Bool // there is a file, or was since the index heard of it
	made  atomic.Bool // it was made, and the index has not heard of it
	found atomic.Bool // a crash left more in it than was answered for, and the index may not have heard of it
	lived atomic.Bool // there was an instance
	guest atomic.Bool // it may be here for a visit only: see settle

	behind behind // what the index is told later

	alarm     atomic.Pointer[engine.Alarm] // as committed last; nil if not known
	alarmOwed atomic.Bool                  // the index on disk may not have it yet; Relaxed only

	since   atomic.Int64 // quiet since, in nanoseconds after Runtime.started
	watched atomic.Bool  // the timer runs
	failing atomic.Bool  // the database failed between two instances
	refused atomic.Bool  // it could not be closed

	mu      sync.Mutex // guards following
	retired bool
	timer   *time.Timer
	log     *slog.Logger
}

var _ actor.Host = (*cell)(nil)

func newCell(s *served, id ID) *cell {
	rt := s.rt
	c := &cell{served: s, id: id}
	options := engine.Options{
		FS:              rt.fs,
		Path:            s.path(id),
		Folder:          s.folder,
		Opener:          rt.opener,
		Gate:            &c.gate,
		CheckpointBytes: rt.options.CheckpointBytes,
		LogMemory:       rt.databases.logMemory,
		MaxRowBytes:     rt.options.rowBytes(),
		MaxParameters:   rt.options.MaxParameters,
		MaxPages:        rt.options.objectPages(),
		CommitTimeout:   rt.options.CommitTimeout,
		Failed:          c.failed,
		BeforeCreate:    c.created,
		BeforeOpen:      func() { c.doubt(); rt.databases.wait() },
		OnOpen:          c.opened,
		OnClose:         func() { rt.databases.closed(c) },
	}
	options.Foreign = c.foreign()
	if rt.commitFault != nil {
		options.CommitFault = func() error { return rt.commitFault(options.Path) }
	}
	if s.class.alarms {
		options.Alarm = c.toldAlarm
	}
	c.db = engine.New(options)
	c.mb = actor.New(actor.Options{
		Host:         c,
		Gate:         &c.gate,
		QueueLimit:   s.class.queueLimit,
		BlockTimeout: rt.options.BlockTimeout,
		Answers:      &rt.answers,
		Workers:      &rt.workers,
		Hidden:       hiddenKey,
		Failure:      asReset,
		Stays:        func() bool { return c.stays() || c.db.Pinned() },
		Ended:        c.ended,
	})
	return c
}

// instance is what a life has of the host.
type instance struct {
	session *engine.Session
	state   *State
	env     *Env
}

func instanceOf(l *actor.Life) *instance { return l.Host.(*instance) }

// Begin readies storage and the State of a new instance.
func (c *cell) Begin(l *actor.Life, first *actor.Event) error {
	id, err := c.ready(first.Name)
	if err != nil {
		why := asReset(err)
		why.WholeQueue = true
		return why
	}
	rt := c.served.rt
	guard := l.Check
	if rt.checkGoroutine {
		guard = (&goroutineGuard{life: l}).check
	}
	session := c.db.Session(guard)
	state := &State{
		epoch:   c.epoch(),
		id:      id,
		life:    l,
		cell:    c,
		storage: &Storage{life: l, session: session, alarms: c.served.class.alarms},
		kv:      kvstorage.New(session, rt.limits),
		sql:     sqlstorage.New(session, sqlstorage.Limits{MaxStatementBytes: rt.options.MaxStatementBytes}),
		client:  &http.Client{Transport: &transport{life: l, base: rt.transport}},
	}
	env := &Env{bindings: rt.scripts[c.served.class.script], life: l}
	l.Host = &instance{session, state, env}
	c.lived.Store(true)
	return nil
}

// ready makes storage usable and gives the id as the next instance will know it: with the
// name of the event that builds it, else with the one in its database (I12, I13).
func (c *cell) ready(name string) (ID, error) {
	if c.db.Broken() != nil {
		if err := c.recoverDB(context.Background()); err != nil {
			return ID{}, err
		}
	}
	if name != "" {
		c.learn(name)
	} else {
		stored, err := c.db.Name()
		if err != nil {
			return ID{}, err
		}
		if stored != "" && c.served.key.fromName(stored).Equal(c.id) { // else it is not its own (I14)
			name, c.named = stored, true
		}
	}
	if len(name) > maxKnownName {
		name = ""
	}
	id := c.id
	id.name = name
	return id, nil
}

// learn has the name written with the next commit, unless the database knows it (I13).
func (c *cell) learn(name string) {
	if name == "" || c.named || len(name) > maxKnownName {
		return
	}
	c.db.SetName(name)
	c.named = true
}

// enter is the beginning of every event of a stub.
func enter(ctx context.Context, e *actor.Event) *State {
	s := instanceOf(actor.From(ctx).Life()).state
	s.cell.learn(e.Name)
	return s
}

// Construct runs the class's constructor.
func (c *cell) Construct(ctx context.Context, l *actor.Life, first *actor.Event) (any, error) {
	in := instanceOf(l)
	if name := first.Name; in.state.id.name == "" && len(name) <= maxKnownName { // it began with an Inspect that did not know it (I13)
		c.learn(name)
		in.state.id.name = name
	}
	object, err := c.served.class.construct(ctx, in.state, in.env)
	if err = in.state.closeTxs(err); err != nil {
		return nil, err
	}
	return object, nil
}

// Stop calls the instance's Stop, if it has one.
func (c *cell) Stop(ctx context.Context, l *actor.Life, reason actor.StopReason) error {
	if s, ok := l.Instance.(Stopper); ok && !c.served.rt.stopless.Load() {
		return instanceOf(l).state.closeTxs(s.Stop(ctx, StopReason(reason)))
	}
	return nil
}

// Commit commits what the turn wrote.
func (c *cell) Commit(l *actor.Life) error {
	in := instanceOf(l)
	ticket, _, err := in.session.Commit()
	if err != nil {
		return asReset(err)
	}
	if c.made.Load() || c.found.Load() {
		c.register(ticket)
	}
	in.state.committed(l, ticket)
	c.served.rt.databases.touch(c)
	return nil
}

// InTransaction says whether a Transaction is open.
func (c *cell) InTransaction(l *actor.Life) bool { return instanceOf(l).session.InTransaction() }

// Leave closes the database, at most a few at a time.
func (c *cell) Leave(ctx context.Context, l *actor.Life) (err error) {
	defer func() { c.refused.Store(err != nil) }()
	if c.db.Broken() != nil { // before those few: it may wait until everybody has closed his
		if err := c.recoverDB(ctx); err != nil {
			return err
		}
	}
	rt := c.served.rt
	rt.closers <- struct{}{}
	defer func() { <-rt.closers }()
	return c.closeDB(ctx)
}

// Chore gives the checkpoint, when it is due.
func (c *cell) Chore() func() {
	if !c.db.WantsCheckpoint() {
		return nil
	}
	return func() {
		if err := c.db.Checkpoint(context.Background()); err != nil {
			c.Logger().Error("checkpoint failed", "cause", err)
			c.spoiled()
		}
	}
}

// spoiled resets the object if its database broke between turns, so that its next event
// does not pay for it.
func (c *cell) spoiled() {
	if err := c.db.Broken(); err != nil {
		c.mb.ResetAny(asReset(err))
	}
}

// Fence cuts the life off from storage.
func (c *cell) Fence(l *actor.Life) {
	if in, ok := l.Host.(*instance); ok {
		in.session.Fence()
	}
}

// Recover readies the database for the next life.
func (c *cell) Recover(l *actor.Life, why *actor.ResetError) error {
	return c.recoverDB(context.Background())
}

// failed hears of a failure of the database in the background.
func (c *cell) failed(err error) {
	if c.mb.ResetAny(asReset(err)) {
		return
	}
	// The next event would recover, but all objects wait for this one's files to be closed if
	// their log has to be replayed.
	c.failing.Store(true) // if it is busy, Quiet sees that
	if c.mb.TryLeave(actor.StopIdle) {
		c.failing.Store(false)
	}
}

func asReset(err error) *actor.ResetError {
	return &actor.ResetError{
		Cause:      err,
		Storage:    true,
		Retryable:  engine.IsIO(err) && !engine.IsTimeout(err),
		Overloaded: engine.IsTimeout(err),
	}
}

// Quiet starts the idle time (L8), also of a parked object that the disk did not let go at once.
func (c *cell) Quiet() {
	if c.sockets.Load() != nil && !c.mb.Running() && !c.refused.Swap(false) {
		c.leaveParked()
		return
	}
	c.since.Store(int64(time.Since(c.served.rt.started)))
	if c.failing.Load() && c.failing.Swap(false) && c.db.Broken() != nil && c.mb.TryLeave(actor.StopIdle) {
		return
	}
	if c.served.class.idleTimeout >= 0 {
		c.watch()
	}
	if c.guest.Load() && c.guest.Swap(false) {
		c.dismiss()
	}
}

// watch sees to it that somebody looks when the idle time is over.
func (c *cell) watch() {
	if c.watched.Load() || !c.watched.CompareAndSwap(false, true) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.retired {
		c.timer = time.AfterFunc(c.served.class.idleTimeout, c.look)
	}
}

// look evicts the object if it was quiet for its idle time.
func (c *cell) look() {
	since := c.since.Load()
	quiet := time.Since(c.served.rt.started) - time.Duration(since)
	rest := c.served.class.idleTimeout - quiet
	c.mu.Lock()
	if c.retired {
		c.mu.Unlock()
		return
	}
	if rest <= 0 && c.db.Pinned() { // it could not close its database, and events would wait for that
		rest = c.served.class.idleTimeout
	}
	if rest > 0 {
		c.timer.Reset(rest)
		c.mu.Unlock()
		return
	}
	c.mu.Unlock()
	c.watched.Store(false)
	if c.since.Load() != since { // a Quiet meanwhile relied on this timer
		c.watch()
		return
	}
	c.mb.TryLeave(actor.StopIdle) // else it is busy, and its next Quiet comes
}

// Retired forgets the cell. A database that could not be closed is given up: the disk that
// refused has been reported, and at the next opening it is recovered like after a crash.
func (c *cell) Retired() {
	if c.db.IsOpen() {
		c.db.Abandon() // it stays in doubt
	}
	c.mu.Lock()
	c.retired = true
	if c.timer != nil {
		c.timer.Stop()
	}
	c.mu.Unlock()
	if set := c.sockets.Load(); set != nil && set.Len() > 0 { // only a runtime that closes retires it then
		set.Close(socket.CodeRestart, restartReason, false)
	}
	c.served.forget(c)
}

// Logger logs with class and id.
func (c *cell) Logger() *slog.Logger {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.log == nil {
		c.log = c.served.rt.options.Logger.With("class", c.served.class.name, "id", c.id.String())
	}
	return c.log
}

// makeFolder makes the namespace's folder, which says whose it is, with the first file in it.
func (s *served) makeFolder() error {
	s.making <- struct{}{} // no mutex: who waits here waits for I/O (D13)
	defer func() { <-s.making }()
	if s.made {
		return nil
	}
	if err := s.rt.fs.MkdirAll(s.dir); err != nil {
		return err
	}
	if !s.rt.temporary { // it was, or it is now: also after a failure (P1)
		if err := catalog.WriteIdentity(s.rt.fs, s.dir, s.identity); err != nil {
			return err
		}
	}
	if err := s.rt.fs.SyncDir(s.rt.dir); err != nil {
		return err
	}
	s.made = true
	return nil
}
