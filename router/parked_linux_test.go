package router_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"

	"github.com/durablego/do"
	"github.com/durablego/do/dotest"
)

// maxParkedBytes is what a parked socket may cost, resident in the process.
const maxParkedBytes = 4608

// TestParkedMemory opens 5,000 sockets to 100 objects over loopback, lets each echo once, evicts
// the objects and looks at what is left: no goroutine, and how many bytes. The clients are bare
// descriptors, so that what is measured is the server's.
func TestParkedMemory(t *testing.T) {
	if raceEnabled || testing.Short() {
		t.Skip("it measures memory")
	}
	sockets := 5000
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < uint64(2*sockets+500) {
		sockets = max(0, int(limit.Cur)-500) / 2
	}
	const objects = 100
	env, s := rooms(t, do.Options{}, do.Class[*room]{}, nil)
	address := s.Listener.Addr().(*net.TCPAddr)
	open := func(n int) (fds []int) {
		for i := range n {
			fds = append(fds, bareDial(t, address, fmt.Sprintf("/o/room%d", i%objects)))
		}
		for _, fd := range fds {
			bareEcho(t, fd)
		}
		return fds
	}
	settle := func() (resident, goroutines int) {
		evictAll(t, env, objects)
		for range 3 {
			debug.FreeOSMemory()
		}
		return rss(t), runtime.NumGoroutine()
	}
	first := open(2 * objects) // what there is once: objects, pools, stacks
	before, running := settle()
	fds := open(sockets)
	resident, goroutines := settle()
	per := (resident - before) / sockets
	t.Logf("%d parked sockets: %d bytes each resident, %d goroutines more", sockets, per, goroutines-running)
	if per > maxParkedBytes {
		t.Errorf("a parked socket costs %d bytes, want at most %d", per, maxParkedBytes)
	}
	if goroutines > running+10 {
		t.Errorf("%d goroutines for %d parked sockets, %d before", goroutines, sockets, running)
	}
	for _, fd := range append(first, fds...) {
		_ = syscall.Close(fd)
	}
}

func evictAll(t *testing.T, env *dotest.Runtime, objects int) {
	t.Helper()
	for i := range objects {
		if err := env.Evict(env.Namespace("ROOM").GetByName(fmt.Sprint("room", i))); err != nil && err != do.ErrNotRunning {
			t.Fatal(err)
		}
	}
}

// bareDial shakes hands on a descriptor that Go's runtime knows nothing of.
func bareDial(t *testing.T, a *net.TCPAddr, path string) int {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	to := &syscall.SockaddrInet4{Port: a.Port, Addr: [4]byte(a.IP.To4())}
	if err := syscall.Connect(fd, to); err != nil {
		t.Fatal(err)
	}
	head := "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	bareWrite(t, fd, []byte(head))
	var answer []byte
	buf := make([]byte, 512)
	for !bytes.HasSuffix(answer, []byte("\r\n\r\n")) {
		n, err := syscall.Read(fd, buf)
		if err != nil || n == 0 {
			t.Fatalf("handshake: %v after %q", err, answer)
		}
		answer = append(answer, buf[:n]...)
	}
	if !strings.HasPrefix(string(answer), "HTTP/1.1 101 ") {
		t.Fatalf("handshake: %q", answer)
	}
	return fd
}

func bareWrite(t *testing.T, fd int, p []byte) {
	t.Helper()
	if n, err := syscall.Write(fd, p); err != nil || n != len(p) {
		t.Fatal(err)
	}
}

// bareEcho sends "hello", with a mask of zeros, and reads it back.
func bareEcho(t *testing.T, fd int) {
	t.Helper()
	bareWrite(t, fd, append([]byte{0x81, 0x85, 0, 0, 0, 0}, "hello"...))
	var got []byte
	buf := make([]byte, 64)
	for len(got) < 7 {
		n, err := syscall.Read(fd, buf)
		if err != nil || n == 0 {
			t.Fatal(err)
		}
		got = append(got, buf[:n]...)
	}
	if string(got) != "\x81\x05hello" {
		t.Fatalf("echo: %q", got)
	}
}

// rss is the resident memory of this process in bytes.
func rss(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	var size, resident int
	if _, err := fmt.Sscan(string(b), &size, &resident); err != nil {
		t.Fatal(err)
	}
	return resident * os.Getpagesize()
}
