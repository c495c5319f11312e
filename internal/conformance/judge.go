package conformance

import (
	"fmt"
	"slices"
)

// An Outcome is what became of a case.
type Outcome int

// The outcomes, from good to bad. Equal is every result; Accepted is every result but those that the list explains; Skipped was not run,
// or differs and carries a tag of the list.
const (
	Equal Outcome = iota
	Accepted
	Skipped
	Different
)

// A Verdict is the outcome of a case and why.
type Verdict struct {
	Outcome Outcome
	// Reasons are the entries of the list that were needed, without repeats; of a different case, those it was rewritten by.
	Reasons []string
	// Diffs are, of a different case, what the list does not explain even so.
	Diffs []Diff
}

// Judge plays a case and compares it with its trace by the list. play gives the results of a case's steps; it is called again for every
// rewritten case.
func Judge(c *Case, play func(*Case) []any) Verdict { return judge(acceptList, c, play) }

func judge(list []rule, c *Case, play func(*Case) []any) Verdict {
	if i := skipping(list, c); i >= 0 {
		return Verdict{Outcome: Skipped, Reasons: []string{list[i].String()}}
	}
	got := play(c)
	diffs := compare(c, got)
	if len(diffs) == 0 {
		return Verdict{Outcome: Equal}
	}
	reasons, left := explain(list, diffs)
	if len(left) == 0 {
		return Verdict{Outcome: Accepted, Reasons: tidy(reasons)}
	}
	last := Verdict{Outcome: Different, Diffs: left}
	for _, rewrites := range attempts(list) {
		d, spelled := spellOut(rewrites, c, got)
		if len(spelled) == 0 {
			continue
		}
		reasons, left := explain(list, compare(d, play(d)))
		if len(left) == 0 {
			return Verdict{Outcome: Accepted, Reasons: tidy(append(reasons, spelled...))}
		}
		last = Verdict{Outcome: Different, Reasons: spelled, Diffs: left}
	}
	if i := slices.IndexFunc(list, func(r rule) bool { return r.tag != "" && slices.Contains(c.Tags, r.tag) }); i >= 0 {
		return Verdict{Outcome: Skipped, Reasons: []string{list[i].String()}}
	}
	return last
}

// attempts gives the sets of rewrites to try: each one alone, then all of them.
func attempts(list []rule) [][]rule {
	var sets [][]rule
	var all []rule
	for _, r := range list {
		if r.rewrite != nil {
			sets = append(sets, []rule{r})
			all = append(all, r)
		}
	}
	return append(sets, all)
}

// spellOut applies rewrites one after the other and gives the entries that had something to say.
func spellOut(rewrites []rule, c *Case, got []any) (rewritten *Case, spelled []string) {
	for _, r := range rewrites {
		if d := r.rewrite(c, got); d != nil {
			c = d
			spelled = append(spelled, r.String())
		}
	}
	return c, spelled
}

func tidy(reasons []string) []string {
	slices.Sort(reasons)
	return slices.Compact(reasons)
}

// skipping gives the entry by which a case is not run, -1 if it is.
func skipping(list []rule, c *Case) int {
	return slices.IndexFunc(list, func(r rule) bool { return r.skip != nil && r.skip(c) })
}

// explain asks the list about every difference and gives the reasons found and the differences left.
func explain(list []rule, diffs []Diff) (reasons []string, left []Diff) {
	for _, d := range diffs {
		i := slices.IndexFunc(list, func(r rule) bool { return r.explains != nil && r.explains(d) })
		if i < 0 {
			left = append(left, d)
			continue
		}
		reasons = append(reasons, list[i].String())
	}
	return reasons, left
}

// worse joins the verdicts of two modes.
func (v Verdict) worse(other Verdict, mode string) Verdict {
	for i := range other.Diffs {
		other.Diffs[i].Path = fmt.Sprintf("[%s] %s", mode, other.Diffs[i].Path)
	}
	v.Outcome = max(v.Outcome, other.Outcome)
	v.Diffs = append(v.Diffs, other.Diffs...)
	v.Reasons = append(v.Reasons, other.Reasons...)
	v.Reasons = tidy(v.Reasons)
	return v
}
