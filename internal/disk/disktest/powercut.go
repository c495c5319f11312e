package disktest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// sector is what a disk writes as a whole.
const sector = 512

// Crash puts into the folder dst exactly what has been synced.
func (r *Recorder) Crash(dst string) error {
	return r.leave(dst, chooser{
		change: func(c *change) []*change {
			if c.state == synced {
				return []*change{c}
			}
			return nil
		},
		name: func(*name) int { return 0 },
	})
}

// PowerCut puts into the folder dst a state that a power cut might leave now: each
// change that was not synced is there, is not, or is torn between sectors; each new
// name is there or not, each removed one gone or not. The same rng gives the same
// state again.
func (r *Recorder) PowerCut(rng *rand.Rand, dst string) error {
	// Independent choices alone would hardly ever give the plain cases.
	keep, tear := []float64{0, 0.1, 0.5, 0.9, 1}[rng.IntN(5)], rng.Float64()*0.5
	return r.leave(dst, chooser{
		change: func(c *change) []*change {
			switch {
			case c.state == synced:
				return []*change{c}
			case c.write && rng.Float64() < tear:
				return torn(c, rng)
			case rng.Float64() < keep:
				return []*change{c}
			}
			return nil
		},
		name: func(n *name) int {
			if rng.Float64() < keep {
				return len(n.changes)
			}
			return rng.IntN(len(n.changes) + 1)
		},
	})
}

// torn gives some of the sectors of a write.
func torn(c *change, rng *rand.Rand) (parts []*change) {
	for from, end := c.off, c.off+int64(len(c.data)); from < end; {
		to := min(from-from%sector+sector, end)
		if rng.IntN(2) == 0 {
			parts = append(parts, &change{write: true, data: c.data[from-c.off : to-c.off], off: from})
		}
		from = to
	}
	return parts
}

// chooser says what has reached the disk.
type chooser struct {
	change func(*change) []*change // what of a change
	name   func(*name) int         // how many of the name's changes
}

// leave writes into dst what has reached the disk.
func (r *Recorder) leave(dst string, choose chooser) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := os.MkdirAll(dst, 0o755); err != nil {
		return fmt.Errorf("disktest: %w", err)
	}
	paths := make([]string, 0, len(r.names))
	for path := range r.names {
		paths = append(paths, path)
	}
	slices.Sort(paths) // parents first, and the same choices for the same rng
	missing := map[string]bool{}
	for _, path := range paths {
		n := r.names[path]
		file := n.durable
		if k := choose.name(n); k > 0 {
			file = n.changes[k-1].to
		}
		if file == nil || missing[filepath.Dir(path)] {
			missing[path] = true
			continue
		}
		rel, err := filepath.Rel(r.root, path)
		if err != nil {
			return fmt.Errorf("disktest: %w", err)
		}
		if err := file.leave(filepath.Join(dst, rel), choose); err != nil {
			return fmt.Errorf("disktest: %w", err)
		}
	}
	return nil
}

func (n *inode) leave(path string, choose chooser) error {
	if n.dir {
		return os.MkdirAll(path, 0o755)
	}
	content := slices.Clone(n.durable)
	for _, c := range n.changes {
		for _, part := range choose.change(c) {
			content = part.apply(content)
		}
	}
	return os.WriteFile(path, content, 0o644)
}
