package engine_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/durablego/do/internal/durable"
	"github.com/durablego/do/internal/engine"
)

// asPlain gives a file of a database as a Snapshot writes it.
func (o *object) asPlain() []byte {
	o.t.Helper()
	p, err := os.ReadFile(o.path)
	if err != nil {
		o.t.Fatal(err)
	}
	p[18], p[19] = 1, 1
	return p
}

// TestL26SnapshotWrittenBack: what the journal has written back to the main file meanwhile is not
// in a Snapshot, whether that has read the place already or not, or is about to.
func TestL26SnapshotWrittenBack(t *testing.T) {
	o, j := newJournaled(t)
	for i := range 300 {
		o.save(fmt.Sprint("key", i), strings.Repeat("1", 10_000))
	}
	s := o.snapshot()
	want := o.asPlain()
	change := func(value string) {
		for i := range 300 {
			o.put(fmt.Sprint("key", i), strings.Repeat(value, 11_000))
			if i%7 == 0 {
				o.commit()
			}
		}
		o.commit()
		if err := j.writeBack(); err != nil {
			t.Error(err)
		}
	}
	change("2")
	if bytes.Equal(o.asPlain(), want) {
		t.Fatal("nothing was written back")
	}
	var got writerFunc
	var read []byte
	got = func(p []byte) (int, error) {
		read = append(read, p...)
		change("3")
		return len(p), nil
	}
	if err := s.WriteTo(ctx, got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(read, want) {
		t.Error("a Snapshot has what came after it")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	o.close()
	if err := quickCheck(o.path); err != nil {
		t.Error(err)
	}
	if v, ok, err := o.Get(ctx, "key299"); string(v) != strings.Repeat("3", 11_000) || !ok || err != nil {
		t.Errorf("key299 = %d bytes, %v, %v", len(v), ok, err)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestL26SnapshotReopened: what recovery writes to the main file is not in a Snapshot, and a
// database that was reopened after a failure leaves it alone.
func TestL26SnapshotReopened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fault := false
		o := newObject(t, func(o *engine.Options) {
			dir := filepath.Dir(o.Path)
			o.Opener = durable.NewShared(durable.SharedOptions{FS: o.FS, Root: dir, Dir: filepath.Join(dir, "commits")})
			o.CommitFault = func() error {
				if fault {
					return errDisk
				}
				return nil
			}
		})
		o.save("a", strings.Repeat("1", 100_000))
		s := o.snapshot()
		before := o.asPlain()
		var after bytes.Buffer
		o.save("a", strings.Repeat("2", 100_000))
		if err := o.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		o.put("b", "1")
		fault = true
		if _, _, err := o.Commit(); err == nil {
			t.Fatal("committed")
		}
		fault = false
		o.recover()
		opened := make(chan struct{})
		go func() { defer close(opened); o.want("a", strings.Repeat("2", 100_000)) }()
		synctest.Wait() // it opens, and waits
		if err := s.WriteTo(ctx, &after); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(before, after.Bytes()) {
			t.Error("the main file has changed under a Snapshot")
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		<-opened
	})
}
