package index_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
	"github.com/durablego/do/internal/index"
	"github.com/durablego/do/internal/sqlite"
)

var foreignID = index.ID{0xab, 31: 0xcd}

// writeList makes a list of alarms like the reference's, with a log that has the rows.
func writeList(t *testing.T, dir, columns string) (path string) {
	t.Helper()
	path = filepath.Join(dir, index.File)
	image, err := sqlite.Image("CREATE TABLE _cf_ALARM(actor_id TEXT PRIMARY KEY, scheduled_time INTEGER" + columns + ") WITHOUT ROWID;")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, image, 0o600); err != nil {
		t.Fatal(err)
	}
	conn, err := sqlite.Open(path, sqlite.Options{FS: disk.OS(), WAL: true})
	if err != nil {
		t.Fatal(err)
	}
	sql := "INSERT INTO _cf_ALARM(actor_id, scheduled_time) VALUES('short', 1), ('" + fmt.Sprintf("%x", index.ID{1}) + "', 2);"
	if columns != "" {
		sql += fmt.Sprintf("INSERT INTO _cf_ALARM VALUES('%x', 3, 'its name'), ('%x00', 3, 'too long');", foreignID, foreignID)
	}
	if err := errors.Join(conn.Exec(sql), conn.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestIssue5Part6SetAside has the reference's list make room, with the power cut before every
// operation: the names are never lost, and what is set aside is whole.
func TestIssue5Part6SetAside(t *testing.T) {
	want := map[index.ID]string{foreignID: "its name"}
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 5 {
		root := t.TempDir()
		path := writeList(t, root, ", actor_name TEXT")
		recorder, err := disktest.NewRecorder(disk.OS(), root)
		if err != nil {
			t.Fatal(err)
		}
		check := func(dst string) {
			for range 2 { // the second time it is set aside already
				err := index.SetAside(disk.OS(), filepath.Join(dst, index.File))
				got, nerr := index.ForeignNames(disk.OS(), filepath.Join(dst, index.File))
				if err = errors.Join(err, nerr); err != nil || !maps.Equal(got, want) {
					t.Fatalf("round %d: after a power cut: %v, %v", round, got, err)
				}
			}
			if lost, err := index.Examine(disk.OS(), filepath.Join(dst, index.File)); !lost || err != nil {
				t.Fatalf("no room: %v, %v", lost, err)
			}
		}
		faulty := disktest.NewFaulty(recorder)
		faulty.Hook(func(op disktest.Op, _ string) error {
			if op == disktest.Read || op == disktest.Stat {
				return nil
			}
			dst := t.TempDir()
			if err := recorder.PowerCut(rng, dst); err != nil {
				return err
			}
			check(dst)
			return nil
		})
		if err := index.SetAside(faulty, path); err != nil {
			t.Fatal(err)
		}
		dst := t.TempDir()
		if err := recorder.Crash(dst); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dst, index.File)); err == nil {
			t.Error("it is back after a power cut")
		}
		check(dst)
	}
}

// TestIssue5Part6SetAsideNothing leaves alone what is no list of the reference's, and knows one
// without names.
func TestIssue5Part6SetAsideNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, index.File)
	if err := index.SetAside(disk.OS(), path); err != nil {
		t.Errorf("of nothing: %v", err)
	}
	if names, err := index.ForeignNames(disk.OS(), path); names != nil || err != nil {
		t.Errorf("of nothing: %v, %v", names, err)
	}
	image, err := sqlite.Image("CREATE TABLE other(x);")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"another database": image, "a text": []byte("hello")} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := index.SetAside(disk.OS(), path); (err != nil) != (name == "another database") {
			t.Errorf("%s: %v", name, err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != string(content) {
			t.Errorf("%s was changed: %v", name, err)
		}
	}
	old := writeList(t, t.TempDir(), "")
	if err := index.SetAside(disk.OS(), old); err != nil {
		t.Error(err)
	}
	if names, err := index.ForeignNames(disk.OS(), old); len(names) > 0 || err != nil {
		t.Errorf("without names: %v, %v", names, err)
	}
	if _, err := os.Stat(old + index.OriginalSuffix); err != nil {
		t.Error(err)
	}
}
