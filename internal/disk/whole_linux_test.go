package disk_test

import (
	"testing"

	"github.com/durablego/do/internal/disk"
)

func TestWhole(t *testing.T) {
	w, err := disk.OpenWhole(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if w == nil {
		t.Log("the file system of the temporary folder is not one that can be trusted with it")
	} else {
		if err := w.Sync(); err != nil {
			t.Error(err)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if err := w.Sync(); err == nil {
			t.Error("Sync after Close = nil")
		}
	}
	if w, err := disk.OpenWhole("/proc"); w != nil || err != nil {
		t.Errorf("OpenWhole of /proc = %v, %v, want none", w, err)
	}
	if _, err := disk.OpenWhole("/no/such/folder"); err == nil {
		t.Error("OpenWhole of nothing = nil")
	}
}
