package dotest_test

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
	"github.com/durablego/do/sqlstorage"
)

// lists are objects with a table, made by migrations.
type list struct {
	state *do.State
	rang  func()
}

func (l *list) Fetch(context.Context, *http.Request) (*http.Response, error) {
	return do.Text(http.StatusOK, ""), nil
}

func (l *list) Alarm(context.Context, do.AlarmInfo) error {
	l.rang()
	return nil
}

func lists(rang func(), migrations ...string) do.Options {
	script := do.NewScript("main")
	do.RegisterIn(script, do.Class[*list]{Binding: "LIST", New: func(ctx context.Context, state *do.State, _ *do.Env) (*list, error) {
		var all []sqlstorage.Migration
		for i, text := range migrations {
			all = append(all, sqlstorage.Migration{ID: fmt.Sprint(i), SQL: text})
		}
		return &list{state, rang}, state.SQL().Migrate(ctx, all)
	}})
	return do.Options{Scripts: []*do.Script{script}}
}

// contents are the names and bytes of a folder's files.
func contents(t *testing.T, dir string) (all string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(os.DirFS(dir), path)
		all += fmt.Sprintf("%s %x\n", path, text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestDryRun tries a migration on copies: what fails is told with the object, the folder is as
// it was, and no alarm runs in the copy.
func TestDryRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		table := "CREATE TABLE items(x)"
		first := lists(func() { t.Error("the alarm ran in the folder") }, table)
		first.Dir = dir
		rt, err := do.Open(first)
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{
			"good": "INSERT INTO items VALUES(1), (2)", "bad": "INSERT INTO items VALUES(1), (1)", "empty": "DELETE FROM items",
		} {
			id := rt.Namespace("LIST").IDFromName(name)
			if _, err := do.Call(t.Context(), rt.Namespace("LIST").Get(id), (*list).Run, text); err != nil {
				t.Fatal(err)
			}
		}
		if err := rt.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := contents(t, dir)
		time.Sleep(2 * time.Hour) // their alarms are due

		f := &fake{TB: t}
		env := dotest.DryRun(f, dir, dotest.Options{Runtime: lists(func() { t.Error("an alarm ran in the copy") },
			table, "CREATE UNIQUE INDEX i ON items(x)")}, "LIST")
		failures := strings.Join(f.failures(), "\n")
		bad := env.Namespace("LIST").IDFromName("bad").String()
		if len(f.failures()) != 1 || !strings.Contains(failures, bad) || !strings.Contains(failures, `"bad"`) || !strings.Contains(failures, "UNIQUE") {
			t.Errorf("failures: %q, want one, of %s", failures, bad)
		}
		err = dotest.RunInObject(env, env.Namespace("LIST").GetByName("good"), func(ctx context.Context, l *list, state *do.State) error {
			_, err := state.SQL().Exec(ctx, "INSERT INTO items VALUES(2)")
			return err
		})
		if err == nil || !strings.Contains(err.Error(), "UNIQUE") {
			t.Errorf("the copy has no index: %v", err)
		}
		time.Sleep(time.Hour)
		f.end()
		if contents(t, dir) != before {
			t.Error("the folder has changed")
		}
	})
}

// Run runs SQL, and sets an alarm in an hour.
func (l *list) Run(ctx context.Context, text string) (bool, error) {
	if _, err := l.state.SQL().Exec(ctx, text); err != nil {
		return false, err
	}
	return true, l.state.Storage().SetAlarm(ctx, time.Now().Add(time.Hour))
}
