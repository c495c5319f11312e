package main

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

var address = regexp.MustCompile(`http://([0-9.:]+)/`)

// program is one of the two, built and run.
type program struct {
	*exec.Cmd
	url string
}

// startProgram runs one and waits until it says where it serves.
func startProgram(t *testing.T, binary string, args ...string) *program {
	t.Helper()
	p := &program{Cmd: exec.Command(binary, append([]string{"-addr", "127.0.0.1:0", "-data", t.TempDir()}, args...)...)}
	p.Env = append(os.Environ(), "CROSSSCRIPT_SECRET=32 bytes that everybody can read here")
	stderr, err := p.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Process.Kill()
		_ = p.Wait()
	})
	in := bufio.NewReader(stderr)
	for line := ""; p.url == ""; {
		if line, err = in.ReadString('\n'); err != nil {
			t.Fatalf("%s ended: %q, %v", filepath.Base(binary), line, err)
		}
		if m := address.FindStringSubmatch(line); m != nil {
			p.url = "http://" + m[1]
		}
	}
	go func() { _, _ = io.Copy(io.Discard, in) }() // until the program ends
	return p
}

func (p *program) get(t *testing.T, path, want string) {
	t.Helper()
	response, err := http.Get(p.url + path)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil || string(body) != want {
		t.Errorf("GET %s = %s %q, %v, want %q", path, response.Status, body, err, want)
	}
	if err := response.Body.Close(); err != nil {
		t.Error(err)
	}
}

// Two processes: greeters in one, counters in the other (E16). The client's folder has none.
func TestTwoScriptsInTwoProcesses(t *testing.T) {
	folder := t.TempDir()
	build := exec.Command("go", "build", "-o", folder+string(filepath.Separator), ".", "../host")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	host := startProgram(t, filepath.Join(folder, "host"))
	client := startProgram(t, filepath.Join(folder, "client"), "-host", host.url+"/peer")
	client.get(t, "/hello/ann", "hello ann, this is greeting 1\n")
	client.get(t, "/hello/bob", "hello bob, this is greeting 2\n")
	host.get(t, "/counter/greetings", "2\n")
	if err := host.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = host.Wait() // killed
	response, err := http.Get(client.url + "/hello/ann")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		t.Errorf("without the host: %s", response.Status)
	}
}
