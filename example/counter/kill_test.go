package main

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// TestSurvivesKill runs the program as a user does, and ends it in the middle.
func TestSurvivesKill(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no signals to end a program with")
	}
	program := filepath.Join(t.TempDir(), "counter")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	data := filepath.Join(t.TempDir(), "data")
	for _, c := range []struct {
		signal os.Signal
		want   string
		ends   string
	}{
		{syscall.SIGKILL, "5\n", "signal: killed"},
		{syscall.SIGTERM, "10\n", "exit status 0"},
		{os.Interrupt, "15\n", "exit status 0"},
	} {
		p := start(t, program, data)
		if got := p.post(t, "/counter/hits/add?n=5"); got != c.want {
			t.Errorf("before %v: %q, want %q", c.signal, got, c.want)
		}
		if err := p.cmd.Process.Signal(c.signal); err != nil {
			t.Fatal(err)
		}
		if ended := p.wait(); ended != c.ends {
			t.Errorf("after %v: %s, want %s", c.signal, ended, c.ends)
		}
	}
	p := start(t, program, data)
	if got := p.get(t, "/counter/hits"); got != "15\n" {
		t.Errorf("at last: %q, want 15", got)
	}
}

// process is the program at work.
type process struct {
	cmd *exec.Cmd
	url string
}

var greeting = regexp.MustCompile(`^durable counters on (http://[^/]+)/`)

func start(t *testing.T, program, data string) *process {
	t.Helper()
	cmd := exec.Command(program, "-addr", "127.0.0.1:0", "-data", data)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill() // it may have ended by itself
			_ = cmd.Wait()
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	m := greeting.FindStringSubmatch(line)
	if m == nil {
		t.Fatalf("the program says %q, %v", line, err)
	}
	return &process{cmd, m[1]}
}

// wait waits for the program's end and says how it came.
func (p *process) wait() string {
	_ = p.cmd.Wait() // ProcessState has it
	return p.cmd.ProcessState.String()
}

func (p *process) get(t *testing.T, path string) string {
	t.Helper()
	response, err := http.Get(p.url + path)
	return content(t, response, err)
}

func (p *process) post(t *testing.T, path string) string {
	t.Helper()
	response, err := http.Post(p.url+path, "", strings.NewReader(""))
	return content(t, response, err)
}

func content(t *testing.T, response *http.Response, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%d %q, %v", response.StatusCode, b, err)
	}
	return string(b)
}
