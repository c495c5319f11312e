package sqlstorage

import (
	"database/sql"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"
)

// plan has for every column the index of its field. It is nil for a type that takes one
// column.
type plan [][]int

// structField is a field that a column may go to.
type structField struct {
	name   string // of the tag, or of the field
	tagged bool
	index  []int
}

var (
	scannerType = reflect.TypeFor[sql.Scanner]()
	timeType    = reflect.TypeFor[time.Time]()
	known       sync.Map // reflect.Type to []structField
)

// planOf tells where the columns go (S13).
func planOf(t reflect.Type, columns []string) (plan, error) {
	if t.Kind() != reflect.Struct || t == timeType || reflect.PointerTo(t).Implements(scannerType) {
		if len(columns) != 1 {
			return nil, fmt.Errorf("%w: %d columns for a %s, which takes one", ErrColumns, len(columns), t)
		}
		return nil, nil
	}
	all, ok := known.Load(t)
	if !ok {
		all, _ = known.LoadOrStore(t, fieldsOf(t))
	}
	p := make(plan, len(columns))
	taken := map[*structField]string{}
	for i, column := range columns {
		f := fieldFor(all.([]structField), column)
		if f == nil {
			return nil, fmt.Errorf("%w: the column %q has no field in %s", ErrColumns, column, t)
		}
		if other, twice := taken[f]; twice {
			return nil, fmt.Errorf("%w: the columns %q and %q go to one field of %s", ErrColumns, other, column, t)
		}
		taken[f] = column
		p[i] = f.index
	}
	return p, nil
}

// fieldFor gives the field of a column: by its tag, else by its name, exactly before
// without regard to case.
func fieldFor(all []structField, column string) *structField {
	var best *structField
	for i := range all {
		f := &all[i]
		switch {
		case f.tagged && f.name == column:
			return f
		case f.tagged:
		case f.name == column, best == nil && strings.EqualFold(f.name, column):
			best = f
		}
	}
	return best
}

func fieldsOf(t reflect.Type) (all []structField) {
	for _, f := range reflect.VisibleFields(t) {
		tag, _, _ := strings.Cut(f.Tag.Get("db"), ",")
		if !f.IsExported() || tag == "-" || f.Anonymous && tag == "" && isStruct(f.Type) || !reachable(t, f.Index) {
			continue
		}
		name := f.Name
		if tag != "" {
			name = tag
		}
		all = append(all, structField{name, tag != "", f.Index})
	}
	return all
}

func isStruct(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct && t != timeType
}

// reachable tells whether the way to a field can be walked: an embedded pointer that is
// not exported cannot be set.
func reachable(t reflect.Type, index []int) bool {
	for _, i := range index[:len(index)-1] {
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		f := t.Field(i)
		if f.Type.Kind() == reflect.Pointer && !f.IsExported() {
			return false
		}
		t = f.Type
	}
	return true
}
