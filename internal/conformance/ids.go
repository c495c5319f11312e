package conformance

import (
	"regexp"
	"strings"

	"github.com/durablego/do"
)

// idSteps are the steps about ids; they touch no object.
var idSteps = map[string]func(*caller, Node) (any, error){
	"id.fromName": func(r *caller, s Node) (any, error) {
		id := r.namespace(s).IDFromName(s.text("name"))
		return map[string]any{"id": id.String(), "name": encode(id.Name())}, nil
	},
	"id.parse": func(r *caller, s Node) (any, error) {
		id, err := r.namespace(s).IDFromString(s.text("id"))
		if err != nil {
			return nil, err
		}
		return shownID(id), nil
	},
	"id.equal": func(r *caller, s Node) (any, error) {
		a, err := r.id(asNode(s["a"]))
		if err != nil {
			return nil, err
		}
		b, err := r.id(asNode(s["b"]))
		return map[string]any{"value": a.Equal(b)}, err
	},
	"id.unique":        (*caller).uniqueIDs,
	"id.uniqueForeign": (*caller).uniqueForeign,
	"id.stub": func(r *caller, s Node) (any, error) {
		stub, err := r.stub(s)
		if err != nil {
			return nil, err
		}
		return shownID(stub.ID()), nil
	},
}

// id gives the id of {ns, name} or {ns, id}.
func (r *caller) id(x Node) (do.ID, error) {
	if x.has("id") {
		return r.namespace(x).IDFromString(x.text("id"))
	}
	return r.namespace(x).IDFromName(x.text("name")), nil
}

var hex64 = regexp.MustCompile(`^[0-9a-f]{64}$`)

func (r *caller) uniqueIDs(s Node) (any, error) {
	ns := r.namespace(s)
	a, b := ns.NewUniqueID(), ns.NewUniqueID()
	again, err := ns.IDFromString(a.String())
	if err != nil {
		return nil, err
	}
	upper, err := ns.IDFromString(strings.ToUpper(a.String()))
	return map[string]any{
		"hex64": hex64.MatchString(a.String()), "named": a.Name() != "", "differ": !a.Equal(b) && a.String() != b.String(),
		"reparse": again.Equal(a), "reparseUpper": upper.Equal(a),
	}, err
}

func (r *caller) uniqueForeign(s Node) (any, error) {
	id := r.process.Namespace(s.text("from")).NewUniqueID().String()
	parsed, err := r.namespace(s).IDFromString(id)
	return map[string]any{"id": len(parsed.String())}, err
}
