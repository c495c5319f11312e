package crash

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/internal/bridge"
)

var (
	kills = flag.Int("kills", usually(30), "how often TestKill kills its child")
	seed  = flag.Uint64("seed", 0, "of the random choices; 0: a new one")
)

// usually gives n, or some of it under the race detector: kills and cuts have nothing to do
// with races, and the run without it does them all.
func usually(n int) int {
	if raceEnabled {
		return n / 5
	}
	return n
}

// dirVariable tells a copy of this test binary that it is the program, and its folder.
const dirVariable = "DO_CRASH_DIR"

// segmentVariable tells it the size of the commit log's segments.
const segmentVariable = "DO_CRASH_SEGMENT"

// relaxedVariable tells it that it is Relaxed.
const relaxedVariable = "DO_CRASH_RELAXED"

// addressVariable tells it where to listen; not set: anywhere.
const addressVariable = "DO_CRASH_ADDRESS"

func TestMain(m *testing.M) {
	if dir := os.Getenv(dirVariable); dir != "" {
		if err := program(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	flag.Parse()
	os.Exit(m.Run())
}

// program serves until it is killed, or until its parent is gone.
func program(dir string) error {
	segment, err := strconv.ParseInt(os.Getenv(segmentVariable), 10, 64)
	if err != nil {
		return err
	}
	o := options(dir)
	o.Relaxed = os.Getenv(relaxedVariable) != ""
	opened, _, err := bridge.Open(o, bridge.Config{SegmentBytes: segment})
	if err != nil {
		return err
	}
	rt := opened.(*do.Runtime)
	address := os.Getenv(addressVariable)
	if address == "" {
		address = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(2)
	}()
	fmt.Println(l.Addr())
	return http.Serve(l, handler(rt))
}

// newRand gives the random numbers of a test, and prints what gives the same again.
func newRand(t *testing.T) *rand.Rand {
	t.Helper()
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("-seed=%d", s)
	return rand.New(rand.NewPCG(s, 0))
}

// child is the program in a process of its own.
type child struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	errors *bytes.Buffer
	url    string
	client *http.Client
}

func startChild(t *testing.T, dir string, segment int) *child {
	t.Helper()
	c := &child{cmd: exec.Command(os.Args[0]), errors: &bytes.Buffer{}, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}}
	c.cmd.Env = append(os.Environ(), dirVariable+"="+dir, segmentVariable+"="+strconv.Itoa(segment))
	c.cmd.Stderr = c.errors
	var err error
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		_ = c.cmd.Wait()
		t.Fatalf("the program does not start: %v\n%s", err, c.errors)
	}
	c.url = "http://" + strings.TrimSpace(line) + "/ledger/"
	return c
}

// kill ends it in the middle of whatever it does.
func (c *child) kill(t *testing.T) {
	t.Helper()
	if err := c.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.cmd.Wait() // killed
	_ = c.stdin.Close()
	c.client.CloseIdleConnections()
	if strings.Contains(c.errors.String(), "panic") {
		t.Errorf("the program says:\n%s", c.errors)
	}
}

// refusal is an answer of the program that is no success.
type refusal struct{ text string }

func (r *refusal) Error() string { return r.text }

// ask sends a request to a ledger and decodes the answer.
func (c *child) ask(method, name, path string, body, answer any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequest(method, c.url+name+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	res, err := c.client.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	data, err = io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return &refusal{fmt.Sprintf("%s %s of %s: %s: %s", method, path, name, res.Status, data)}
	}
	return json.Unmarshal(data, answer)
}

// The load: so many clients on so many ledgers.
const (
	clients = 16
	ledgers = 8
)

// notes are what the callers of some ledgers know, by ledger and by entry.
type notes struct {
	mu       sync.Mutex // guards following
	asked    map[string]map[string]entry
	answered map[string]map[string]entry
	count    int
}

func newNotes() *notes {
	n := &notes{asked: map[string]map[string]entry{}, answered: map[string]map[string]entry{}}
	for i := range ledgers {
		name := ledgerName(i)
		n.asked[name], n.answered[name] = map[string]entry{}, map[string]entry{}
	}
	return n
}

func ledgerName(i int) string { return fmt.Sprint("ledger", i) }

// next notes down a new random entry of a random ledger, before it is asked for.
func (n *notes) next(rng *rand.Rand) (name string, e entry) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.count++
	e = entry{Op: []string{"transfer", "count", "pair"}[rng.IntN(3)], ID: fmt.Sprint("e", n.count)}
	if e.Op == "transfer" {
		e.From, e.Amount = rng.IntN(accounts), rng.IntN(100)
		e.To = (e.From + 1 + rng.IntN(accounts-1)) % accounts
	}
	name = ledgerName(rng.IntN(ledgers))
	n.asked[name][e.ID] = e
	return name, e
}

// done notes down that an entry was answered.
func (n *notes) done(name string, e entry) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.answered[name][e.ID] = e
}

// copy gives what is known now.
func (n *notes) copy() *notes {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := newNotes()
	for name := range n.asked {
		c.asked[name], c.answered[name] = maps.Clone(n.asked[name]), maps.Clone(n.answered[name])
	}
	return c
}

// settled forgets the entries of a ledger.
func (n *notes) settled(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.asked[name])
	clear(n.answered[name])
}

// TestKill kills the program at random moments, starts it again, and looks (T34.13). Every
// other time the segments of the commit log are so short that it is written out all the time.
func TestKill(t *testing.T) {
	rng, dir, known := newRand(t), t.TempDir(), newNotes()
	began, answered := time.Now(), 0
	for i := range *kills {
		segment := i % 2 * 64 << 10
		c := startChild(t, dir, segment)
		if i%4 == 3 {
			killWhileOpening(t, c, rng)
			quickCheckCopy(t, dir)
			c = startChild(t, dir, segment)
		}
		if i > 0 {
			lookAtChild(t, c, known)
		}
		answered += loadAndKill(t, c, known, rng)
		quickCheckCopy(t, dir)
		if t.Failed() {
			t.Fatalf("after kill %d", i+1)
		}
	}
	c := startChild(t, dir, 0)
	lookAtChild(t, c, known)
	c.kill(t)
	quickCheckCopy(t, dir)
	t.Logf("%d kills, %d entries answered, %d asked for, in %v", *kills, answered, known.count, time.Since(began).Round(time.Second))
}

// lookAtChild compares what the ledgers say with what is known, and settles them.
func lookAtChild(t *testing.T, c *child, known *notes) {
	t.Helper()
	for i := range ledgers {
		name := ledgerName(i)
		var b book
		var done string
		err := c.ask("GET", name, "/book", nil, &b)
		if err == nil {
			err = b.check(known.answered[name], known.asked[name])
		}
		if err == nil {
			err = c.ask("POST", name, "/settle", nil, &done)
		}
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, c.errors)
		}
		known.settled(name)
	}
}

// killWhileOpening kills the program while it opens what the last kill left.
func killWhileOpening(t *testing.T, c *child, rng *rand.Rand) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range ledgers {
		wg.Go(func() {
			var b book
			_ = c.ask("GET", ledgerName(i), "/book", nil, &b)
		})
	}
	<-time.After(time.Duration(rng.Int64N(int64(10 * time.Millisecond))))
	c.kill(t)
	wg.Wait()
}

// loadAndKill lets clients work until the kill cuts them off. It says how many answers came.
func loadAndKill(t *testing.T, c *child, known *notes, rng *rand.Rand) (answered int) {
	t.Helper()
	var wg sync.WaitGroup
	var mu sync.Mutex // guards answered
	enough, wanted := make(chan struct{}), 1+rng.IntN(50)
	for range clients {
		mine := rand.New(rand.NewPCG(rng.Uint64(), 0))
		wg.Go(func() {
			for {
				name, e := known.next(mine)
				var done string
				err := c.ask("POST", name, "/do", e, &done)
				if _, refused := errors.AsType[*refusal](err); refused {
					t.Errorf("%v\n%s", err, c.errors)
				}
				if err != nil {
					return // killed
				}
				known.done(name, e)
				mu.Lock()
				if answered++; answered == wanted {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	select {
	case <-enough:
	case <-time.After(time.Minute):
		t.Errorf("%d answers did not come\n%s", wanted, c.errors)
	}
	<-time.After(time.Duration(rng.Int64N(int64(150 * time.Millisecond))))
	c.kill(t)
	wg.Wait()
	return answered
}
