package engine_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/durablego/do/internal/durable"
	"github.com/durablego/do/internal/engine"
)

// TestL26SnapshotReopened: a database that was reopened after a failure leaves the main file
// alone while a Snapshot needs it.
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
		var before, after bytes.Buffer
		if err := s.WriteTo(ctx, &before); err != nil {
			t.Fatal(err)
		}
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
		if !bytes.Equal(before.Bytes(), after.Bytes()) {
			t.Error("the main file has changed under a Snapshot")
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		<-opened
	})
}
