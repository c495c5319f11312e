package disktest_test

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/durablego/do/internal/disk"
	"github.com/durablego/do/internal/disk/disktest"
)

// touch does one operation of each kind and gives their errors.
func touch(f *disktest.Faulty, name string) map[disktest.Op]error {
	errs := map[disktest.Op]error{}
	d, err := f.Open(name, os.O_RDWR|os.O_CREATE)
	errs[disktest.Open] = err
	if err == nil {
		_, errs[disktest.Write] = d.WriteAt([]byte("content"), 0)
		_, errs[disktest.Read] = d.ReadAt(make([]byte, 3), 0)
		_, errs[disktest.Stat] = d.Size()
		errs[disktest.Truncate] = d.Truncate(7)
		errs[disktest.Sync] = d.Sync()
		d.Close()
	}
	errs[disktest.SyncDir] = f.SyncDir(".")
	if errs[disktest.Rename] = f.Rename(name, name+".new"); errs[disktest.Rename] == nil {
		name += ".new"
	}
	errs[disktest.Remove] = f.Remove(name)
	return errs
}

func TestFaultyFailsEachOperation(t *testing.T) {
	for op := disktest.Open; op <= disktest.Rename; op++ {
		t.Run(op.String(), func(t *testing.T) {
			f := disktest.NewFaulty(disk.Mem())
			f.Fail(disktest.Fault{Op: op, N: 2, Err: syscall.ENOSPC})
			for round := 1; round <= 3; round++ {
				for got, err := range touch(f, "a") {
					if want := round == 2 && got == op; errors.Is(err, syscall.ENOSPC) != want {
						t.Errorf("round %d, %v = %v, failure wanted: %v", round, got, err, want)
					}
				}
			}
			if f.Fired() != 1 || f.Count(op) != 3 {
				t.Errorf("Fired = %d, Count = %d, want 1, 3", f.Fired(), f.Count(op))
			}
		})
	}
}

func TestFaultyMatchCountClear(t *testing.T) {
	f := disktest.NewFaulty(disk.Mem())
	f.Fail(disktest.Fault{Op: disktest.Sync, Count: -1, Match: func(name string) bool { return strings.HasSuffix(name, "-wal") }})
	for range 3 {
		if err := touch(f, "a")[disktest.Sync]; err != nil {
			t.Errorf("Sync of a = %v", err)
		}
		if err := touch(f, "a-wal")[disktest.Sync]; !errors.Is(err, syscall.EIO) {
			t.Errorf("Sync of a-wal = %v, want EIO", err)
		}
	}
	f.Clear()
	if err := touch(f, "a-wal")[disktest.Sync]; err != nil {
		t.Errorf("Sync after Clear = %v", err)
	}
}

func TestFaultyShortWrite(t *testing.T) {
	f := disktest.NewFaulty(disk.Mem())
	d, err := f.Open("a", os.O_RDWR|os.O_CREATE)
	if err != nil {
		t.Fatal(err)
	}
	f.Fail(disktest.Fault{Op: disktest.Write, Short: true})
	if n, err := d.WriteAt([]byte("abcdef"), 0); n != 3 || err == nil {
		t.Errorf("WriteAt = %d, %v, want 3 and an error", n, err)
	}
	if size, _ := d.Size(); size != 3 {
		t.Errorf("Size = %d, want 3", size)
	}
}

func TestFaultyHook(t *testing.T) {
	f := disktest.NewFaulty(disk.Mem())
	var log []string
	stop := errors.New("stop")
	f.Hook(func(op disktest.Op, name string) error {
		log = append(log, op.String()+" "+name)
		if op == disktest.Remove {
			return stop
		}
		return nil
	})
	if err := touch(f, "a")[disktest.Remove]; err != stop {
		t.Errorf("Remove = %v, want the hook's error", err)
	}
	want := "open a,write a,read a,stat a,truncate a,sync a,syncdir .,rename a,remove a.new"
	if got := strings.Join(log, ","); got != want {
		t.Errorf("log = %s, want %s", got, want)
	}
}
