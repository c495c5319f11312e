package dotest

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/durablego/do"
	"github.com/durablego/do/internal/bridge"
)

// DryRun tries o's classes, and the migrations in their constructors, on real data: it copies
// the data folder dir and builds each object with data of the given bindings of the first
// script, one after the other. An object whose constructor fails, fails t, with its id, its name
// and the error; the others are built all the same. Afterwards the copy is an ordinary Runtime,
// in which a test can look further.
//
// dir is only read, and must not be in use: of a program that runs, take what Runtime.Backup
// made. No alarm runs by itself in the copy, but constructors run as they are, so give o.Runtime
// the Vars of a test. Its Dir is ignored.
func DryRun(t testing.TB, dir string, o Options, bindings ...string) *Runtime {
	t.Helper()
	if len(bindings) == 0 {
		t.Fatal("dotest: DryRun needs the bindings of the objects to build")
	}
	o.Runtime.Dir = filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(o.Runtime.Dir, os.DirFS(dir)); err != nil {
		t.Fatalf("dotest: DryRun: %v", err)
	}
	r := NewWith(t, o, bridge.Config{NoAlarms: true})
	for _, binding := range bindings {
		ns := r.Namespace(binding)
		for info, err := range ns.Objects(context.Background(), do.ObjectsOptions{}) {
			if err != nil {
				t.Fatalf("dotest: DryRun: %v", err)
			}
			r.build(ns.Get(info.ID), binding)
		}
	}
	return r
}

// build builds the instance of stub's object, if that can be done, and takes it out of memory
// again.
func (r *Runtime) build(stub *do.Stub, binding string) {
	r.t.Helper()
	err := r.present().control.Run(context.Background(), stub, func(context.Context, any, any) error { return nil })
	if err != nil {
		r.t.Errorf("dotest: DryRun: %s %s %q: %v", binding, stub.ID(), stub.Name(), err)
	} else if err := r.Evict(stub); err != nil && err != do.ErrNotRunning {
		r.t.Errorf("dotest: DryRun: %s %s %q cannot be evicted: %v", binding, stub.ID(), stub.Name(), err)
	}
}
