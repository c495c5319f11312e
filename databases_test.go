package do_test

import (
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/durablego/do"
	"github.com/durablego/do/internal/bridge"
	"github.com/durablego/do/internal/disk"
)

// opens counts the openings of one database.
type opens struct {
	disk.FS
	name atomic.Pointer[string]
	n    atomic.Int32
}

func (o *opens) Open(name string, flag int) (disk.File, error) {
	if p := o.name.Load(); p != nil && *p == name {
		o.n.Add(1)
	}
	return o.FS.Open(name, flag)
}

// TestL18Readers leaves the database of an object open that is used, if only to read.
func TestL18Readers(t *testing.T) {
	o := boxes(class(nil))
	o.MaxOpenDatabases = 5
	o.Dir = t.TempDir()
	fs := &opens{FS: disk.OS()}
	r, control, err := bridge.Open(o, bridge.Config{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	rt := r.(*do.Runtime)
	defer closeNow(t, rt)
	stub := func(name string) *do.Stub { return rt.Namespace("BOX").GetByName(name) }
	wantAdd(t, stub("read"), 1, 1)
	path := control.Path(stub("read"))
	fs.name.Store(&path)
	for i := range 100 {
		wantTotal(t, stub("read"), 1)
		wantAdd(t, stub(strconv.Itoa(i)), 1, 1)
	}
	if n := fs.n.Load(); n > 0 {
		t.Errorf("the database of %s was opened %d times again", strings.TrimPrefix(path, o.Dir), n)
	}
}
