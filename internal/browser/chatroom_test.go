package browser

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

var pictures = flag.String("pictures", "", "folder for pictures of the pages")

// server is the program at work.
type server struct {
	cmd  *exec.Cmd
	addr string
}

var greeting = regexp.MustCompile(`^chat rooms on http://([^/]+)/`)

func start(t *testing.T, program, addr, data string) *server {
	t.Helper()
	cmd := exec.Command(program, "-addr", addr, "-data", data)
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
	said, err := bufio.NewReader(out).ReadString('\n')
	m := greeting.FindStringSubmatch(said)
	if m == nil {
		t.Fatalf("the program says %q, %v", said, err)
	}
	return &server{cmd, m[1]}
}

func (s *server) kill(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = s.cmd.Wait() // killed
}

// chromium finds the browser, or skips the test.
func chromium(t *testing.T) string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no Chromium is installed: the pages are not tested")
	return ""
}

// browse gives a window of a browser of its own.
func browse(t *testing.T, width, height int) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium(t)), chromedp.NoSandbox, chromedp.WindowSize(width, height), chromedp.UserDataDir(t.TempDir()))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // waits for the browser to be gone, so that its folder can be removed
		cancel()
	})
	return ctx
}

// page is the chat in a window.
type page struct {
	t   *testing.T
	ctx context.Context
	who string
}

func (p *page) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.t.Fatalf("%s: %v", p.who, err)
	}
}

// until waits for a condition in the page.
func (p *page) until(condition string) {
	p.t.Helper()
	if _, err := chromedp.Run(p.ctx, chromedp.Poll[bool](condition, chromedp.WithPollingTimeout(30*time.Second))); err != nil {
		seen, _ := chromedp.Run(p.ctx, chromedp.Text("body")) // as far as it still answers
		p.t.Fatalf("%s: %s: %v; the page shows %q", p.who, condition, err, seen)
	}
}

func (p *page) enter(url string) {
	p.t.Helper()
	p.do(chromedp.Navigate(url), chromedp.WaitVisible("#name"),
		chromedp.SetValue("#name", p.who), chromedp.Click("#enter button"))
	p.until(`document.getElementById("state").textContent === "connected"`)
}

func (p *page) say(text string) {
	p.t.Helper()
	p.do(chromedp.SendKeys("#text", text), chromedp.Click("#say button"))
}

func (p *page) sees(text string) {
	p.t.Helper()
	p.until(fmt.Sprintf(`[...document.querySelectorAll(".line p")].some(e => e.textContent === %q)`, text))
}

func (p *page) seesPeople(names ...string) {
	p.t.Helper()
	p.until(fmt.Sprintf(`[...document.querySelectorAll("#people li")].map(e => e.textContent).join() === %q`, strings.Join(names, ",")))
}

// fits checks that nothing sticks out of the window at its sides.
func (p *page) fits() {
	p.t.Helper()
	p.until(`document.documentElement.scrollWidth <= innerWidth && document.documentElement.scrollHeight <= innerHeight`)
}

func (p *page) picture(name string) {
	p.t.Helper()
	if *pictures == "" {
		return
	}
	png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*pictures, name), png, 0o644); err != nil {
		p.t.Error(err)
	}
}

// Two browsers talk, one is reloaded, the server is killed and comes back: the pages are
// connected again by themselves, and nothing that was read is lost.
func TestChatroom(t *testing.T) {
	chromium(t)
	program := filepath.Join(t.TempDir(), "chatroom")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", program, "./example/chatroom")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	data := filepath.Join(t.TempDir(), "data")
	s := start(t, program, "127.0.0.1:0", data)
	url := "http://" + s.addr + "/room/tea"

	ann := &page{t, browse(t, 1100, 800), "Ann"}
	bob := &page{t, browse(t, 390, 780), "Bob"}
	ann.enter(url)
	ann.fits()
	bob.enter(url)
	bob.fits()
	ann.seesPeople("Ann", "Bob")
	ann.say("Is the kettle on?")
	bob.sees("Is the kettle on?")
	bob.say("<b>Nearly</b> — two minutes.")
	ann.sees("<b>Nearly</b> — two minutes.")

	bob.do(chromedp.Reload())
	bob.sees("Is the kettle on?")
	ann.seesPeople("Ann", "Bob")
	ann.say("Two will do.")
	bob.sees("Two will do.")
	ann.picture("chatroom.png")
	bob.picture("chatroom-phone.png")
	ann.say("Lovely. " + strings.Repeat("Averyverylongword", 12))
	bob.sees("Lovely. " + strings.Repeat("Averyverylongword", 12))
	bob.fits()

	s.kill(t)
	ann.until(`document.getElementById("state").className === "off"`)
	start(t, program, s.addr, data)
	for _, p := range []*page{ann, bob} {
		p.until(`document.getElementById("state").textContent === "connected"`)
		p.sees("Is the kettle on?")
		p.seesPeople("Ann", "Bob")
	}
	bob.say("Still here.")
	ann.sees("Still here.")
}
