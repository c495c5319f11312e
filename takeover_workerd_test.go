package do_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
)

// reference is the reference runtime, serving testdata/workerd/worker.mjs.
type reference struct {
	t   *testing.T
	cmd *exec.Cmd
	url string
}

// startReference starts the program that WORKERD names, with its data in dir.
func startReference(t *testing.T, dir string) *reference {
	t.Helper()
	r, w, err := os.Pipe()
	wantNil(t, err)
	defer r.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Getenv("WORKERD"), "serve", "config.capnp",
		"--directory-path=disk="+dir, "--socket-addr=http=127.0.0.1:0", "--control-fd=3")
	cmd.Dir = filepath.Join("testdata", "workerd")
	cmd.ExtraFiles = []*os.File{w}
	if testing.Verbose() {
		cmd.Stderr = os.Stderr
	}
	wantNil(t, cmd.Start())
	wantNil(t, w.Close())
	for lines := bufio.NewScanner(r); lines.Scan(); {
		var event struct {
			Event, Socket string
			Port          int
		}
		if err := json.Unmarshal(lines.Bytes(), &event); err == nil && event.Event == "listen" && event.Socket == "http" {
			return &reference{t, cmd, fmt.Sprintf("http://127.0.0.1:%d/", event.Port)}
		}
	}
	t.Fatalf("the reference did not start: %v", cmd.Wait())
	return nil
}

// stop ends it, by SIGTERM or by SIGKILL.
func (r *reference) stop(sig os.Signal) {
	r.t.Helper()
	wantNil(r.t, r.cmd.Process.Signal(sig))
	_ = r.cmd.Wait() // says how it ended
}

func (r *reference) ask(method, path string) string {
	r.t.Helper()
	q, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, nil)
	wantNil(r.t, err)
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		r.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		r.t.Fatalf("%s %s: %s, %v, %s", method, path, answer.Status, err, body)
	}
	return string(body)
}

// fill has an object store what belongs to a kind; its id.
func (r *reference) fill(name, kind string, at time.Time) string {
	r.t.Helper()
	return r.ask("POST", fmt.Sprintf("%s/fill?kind=%s&at=%d", url.PathEscape(name), kind, at.UnixMilli()))
}

// TestIssue5Part6RealReference takes over a folder that the reference writes now, gives it back, and
// takes it over once more.
func TestIssue5Part6RealReference(t *testing.T) {
	if os.Getenv("WORKERD") == "" {
		t.Skip("set WORKERD to the reference's binary (npm install workerd@1.20261117.1) to take over what it writes")
	}
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		dir := filepath.Join(t.TempDir(), "data")
		wantNil(t, os.Mkdir(dir, 0o700))
		due := time.Now().Add(time.Hour).Truncate(time.Millisecond)
		r := startReference(t, dir)
		ids := map[string]string{}
		for name, kind := range map[string]string{
			"values": "values", "tables": "tables", "closed 🎉": "many", "a/b %41": "many", "alarm": "alarm", "only": "onlyalarm", "emptied": "emptied",
		} {
			ids[name] = r.fill(name, kind, due)
		}
		for name := range recordedBad {
			ids[name] = r.fill(name, name, due)
		}
		unique := r.fill("unique", "alarm", due)
		r.stop(sig)

		env := dotest.New(t, dotest.Options{Runtime: things(dir, nil)})
		ns := env.Namespace("THING")
		for name, id := range ids {
			if got := ns.IDFromName(name).String(); got != id {
				t.Errorf("id of %q: %s, the reference has %s", name, got, id)
			}
		}
		if _, err := ns.IDFromString(unique); err != nil {
			t.Errorf("a unique id of the reference's: %v", err)
		}
		names := slices.DeleteFunc(slices.Collect(maps.Keys(ids)), func(name string) bool { return name == "emptied" })
		for id, info := range wantListed(t, env, names, 1) {
			want := id == ids["alarm"] || id == ids["only"] || id == unique
			if info.Alarm.Equal(due) != want {
				t.Errorf("alarm of %s: %v", info.ID.Name(), info.Alarm)
			}
		}
		wantStored(t, env, "values")
		wantTables(t, env)
		wantRead(t, env, "emptied", "x", nil)
		ran, err := env.RunAlarm(ns.GetByName("only"))
		if err != nil || !ran {
			t.Errorf("RunAlarm: %v, %v", ran, err)
		}
		wantRead(t, env, "only", "rang as", "only")
		for name := range recordedBad {
			if _, err := read(t, env, name, "fine"); !is(err, do.ErrUnconvertible) {
				t.Errorf("%s: %v", name, err)
			}
		}
		wantNil(t, env.Runtime().Close(t.Context()))

		giveBack(t, filepath.Join(dir, "shop-Thing"))
		r = startReference(t, dir)
		if got, want := r.ask("GET", "values/count"), fmt.Sprint(len(stored())+2); got != want {
			t.Errorf("the reference finds %s values in the original, want %s", got, want)
		}
		r.fill("values", "many", due)
		r.stop(sig)
		env = dotest.New(t, dotest.Options{Runtime: things(dir, nil)})
		wantRead(t, env, "values", "ascii", "hello") // and not what was put here meanwhile
		wantRead(t, env, "values", "int", int64(42))
		wantNil(t, inThing(t, env, "values", func(ctx context.Context, s *do.State) error {
			typed(t, ctx, s, "k7", map[string]int{"n": 7})
			return nil
		}))
		wantTables(t, env)
	}
}

// giveBack puts originals in their places, as docs/from-workerd.md says.
func giveBack(t *testing.T, dir string) {
	t.Helper()
	originals, err := filepath.Glob(filepath.Join(dir, "*.orig"))
	wantNil(t, err)
	if len(originals) < 5 {
		t.Errorf("only %q", originals)
	}
	for _, from := range originals {
		to := strings.TrimSuffix(from, ".orig")
		if err := os.Remove(to + "-wal"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		wantNil(t, os.Rename(from, to))
	}
}
