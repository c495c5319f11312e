package conformance

import "strings"

// A rule is one entry of the list: a reason not to run a case, or to accept a difference.
type rule struct {
	name string // a rule of section 13, a tag, or what is missing
	why  string
	// skip tells whether a case is not run: it cannot be said in our API.
	skip func(*Case) bool
	// explains tells whether exactly this difference is the rule's doing.
	explains func(Diff) bool
	// rewrite spells the difference out in the scenario, so that everything else can be compared. got is what the case gave. It returns
	// nil when there is nothing to spell out.
	rewrite func(c *Case, got []any) *Case
	// tag accepts what is left in a case that carries it.
	tag string
}

// acceptList is the one list of skipped cases and accepted differences. Rewrites are tried from the top, each on what the one before
// left; tags are asked last: a rule that says what differs goes before a tag that says something may.
var acceptList = []rule{
	{name: "V1", why: "stubs are never poisoned: a call that the reference refuses on a broken stub runs",
		rewrite: withoutRefusedCalls},
	{name: "V2", why: "there is no undefined", skip: usesUndefined},
	{name: "V2", why: "values are CBOR, not structured clones: close to the size limit one may fit and not the other", skip: straddlesLimit},
	{name: "V2", why: "typed calls have no properties: only methods can be called", explains: readsProperty},
	{name: "V3", why: "an empty list option, a limit of 0 and an empty name are unset", explains: either(unsetOption, emptyName)},
	{name: "V3", why: "a close code of 0 is unset: the call that the reference refuses closes without a code", rewrite: withoutCloseCodeZero},
	{name: "V13", why: "a reset closes sockets with 1011 and a shutdown with 1012, where the reference cuts the line", explains: tellsWhyClosed},
	{name: "V5", why: "lists are live, many at once, and belong to their turn", explains: either(liveList, olderCursor)},
	{name: "V6", why: "DeleteAll is part of its turn: a reset undoes it; with a commit behind it both agree",
		rewrite: inLostTurns(syncAfterDeleteAll)},
	{name: "V6", why: "no file before the first write: an object without data does not keep its name (I13)", explains: nameForgotten},
	{name: "V7", why: "a Transaction has no object of its own, to be used after its end or rolled back halfway", skip: usesTransactionObject},
	{name: "V7", why: "a Transaction cannot wait: objects are not called from inside", skip: callsInTransaction},
	{name: "V7", why: "a Transaction cannot wait: the process cannot go away in the middle of one", skip: diesInTransaction},
	{name: "V7", why: "a Transaction cannot wait", explains: waitInTransaction},
	{name: "V7", why: "a Transaction has no commit of its own: a reset undoes it; with commits around it both agree",
		rewrite: inLostTurns(syncAroundTransactions)},
	{name: "T25", why: "entering a blocked section is a commit, leaving it is none: a reset undoes it; with a commit behind it both agree",
		rewrite: inLostTurns(syncAfterBlocks)},
	{name: "T23", why: "savepoints nest to depth 64", skip: nestsDeep},
	{name: "V23", why: "our own tables are two and there with the first write; the reference's comes with the first key", explains: ownTables},
	{name: "V23", why: "a foreign key to a reserved table is refused when it is made, not when it is used", explains: foreignKeyRefused},
	{name: "V23", why: "the authorizer refuses by name what the reference's SQLite lacks or fails at by itself", explains: refusedByName},
	{name: "V16", why: "the driver's build has no UPDATE or DELETE … LIMIT: the same is said with a subquery", rewrite: withoutLimits},
	{name: "V16", why: "soundex exists, printf precision is not capped", explains: buildDiffers},
	{name: "V10", why: "a deadlock that can be seen is answered at once; with a sleep beyond the time limit in its place both agree",
		rewrite: sleepForDeadlocks},
	{name: "V19", why: "names are kept: an object learns its name from a later event or from its database (I13)", explains: nameLearned},

	tagged("float-binding", "depends on numbers being bound as REAL; ours keep their Go type (V2)"),
	tagged("row-counters", "counts of the reference's patched SQLite (V15)"),
	tagged("row-maps", "rows as maps: duplicate columns are an error here (V17)"),
	tagged("iterator", "explicit iterators, invalidated by a second list in the reference (V5)"),
	tagged("js-only", "makes little sense outside JavaScript (V2)"),
	tagged("quirk", "a recorded oddity that need not be copied (V17)"),
}

// tagged is the entry of a tag: any difference in a case that carries it.
func tagged(tag, why string) rule { return rule{name: "tag " + tag, why: why, tag: tag} }

// usesOps tells whether a case has ops that begin so.
func usesOps(prefix string) func(*Case) bool {
	return func(c *Case) bool {
		return c.any(func(n Node) bool { return strings.HasPrefix(n.kind(), prefix) })
	}
}

func either(a, b func(Diff) bool) func(Diff) bool { return func(d Diff) bool { return a(d) || b(d) } }

func (r rule) String() string { return r.name + ": " + r.why }
