package sqlstorage

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"reflect"
	"time"

	"github.com/durablego/do/internal/sqlite"
)

// common is argument for what most arguments are, in place: an Arg is large. false for
// anything else. arg is zero.
func common(arg *sqlite.Arg, v any) bool {
	switch v := v.(type) {
	case nil:
		arg.Type = sqlite.Null
	case int:
		arg.Type, arg.Int = sqlite.Int, int64(v)
	case int64:
		arg.Type, arg.Int = sqlite.Int, v
	case string:
		arg.Type, arg.Text = sqlite.Text, v
	case float64:
		arg.Type, arg.Float = sqlite.Float, v
	default:
		return false
	}
	return true
}

// argument converts what is given for a parameter (S20–S26, S34).
func argument(v any) (sqlite.Arg, error) {
	if named, ok := v.(sql.NamedArg); ok {
		if named.Name == "" {
			return sqlite.Arg{}, errors.New("an argument with an empty name")
		}
		arg, err := argument(named.Value)
		arg.Name = named.Name
		return arg, err
	}
	var plain sqlite.Arg
	if common(&plain, v) {
		return plain, nil
	}
	switch v := v.(type) { // without reflection, too
	case []byte:
		return blob(v), nil
	case bool:
		return truth(v), nil
	case time.Time:
		return instant(v)
	case driver.Valuer:
		value, err := valuer(v)
		if err != nil {
			return sqlite.Arg{}, err
		}
		if _, again := value.(driver.Valuer); again {
			return sqlite.Arg{}, fmt.Errorf("its Value gave a %T", value)
		}
		return byKind(value)
	}
	return byKind(v)
}

// valuer asks a Valuer; a nil pointer whose type has the method by value is NULL.
func valuer(v driver.Valuer) (driver.Value, error) {
	if rv := reflect.ValueOf(v); rv.Kind() == reflect.Pointer && rv.IsNil() && rv.Type().Elem().Implements(valuerType) {
		return nil, nil
	}
	return v.Value()
}

var valuerType = reflect.TypeFor[driver.Valuer]()

// byKind converts named types and pointers.
func byKind(v any) (sqlite.Arg, error) {
	if t, ok := v.(time.Time); ok {
		return instant(t)
	}
	rv := reflect.ValueOf(v)
	switch rv.Kind() {
	case reflect.Invalid:
		return sqlite.Arg{Type: sqlite.Null}, nil
	case reflect.Pointer:
		if rv.IsNil() {
			return sqlite.Arg{Type: sqlite.Null}, nil
		}
		return argument(rv.Elem().Interface())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return sqlite.Arg{Type: sqlite.Int, Int: rv.Int()}, nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		if rv.Uint() > math.MaxInt64 {
			return sqlite.Arg{}, errors.New("larger than the largest int64")
		}
		return sqlite.Arg{Type: sqlite.Int, Int: int64(rv.Uint())}, nil
	case reflect.Float32, reflect.Float64:
		return sqlite.Arg{Type: sqlite.Float, Float: rv.Float()}, nil
	case reflect.Bool:
		return truth(rv.Bool()), nil
	case reflect.String:
		return sqlite.Arg{Type: sqlite.Text, Text: rv.String()}, nil
	case reflect.Slice:
		if rv.Type().Elem().Kind() == reflect.Uint8 {
			return blob(rv.Bytes()), nil
		}
	}
	return sqlite.Arg{}, errors.New("a type that no column holds")
}

func blob(b []byte) sqlite.Arg {
	if b == nil {
		return sqlite.Arg{Type: sqlite.Null}
	}
	return sqlite.Arg{Type: sqlite.Blob, Blob: b}
}

func truth(b bool) sqlite.Arg {
	if b {
		return sqlite.Arg{Type: sqlite.Int, Int: 1}
	}
	return sqlite.Arg{Type: sqlite.Int}
}

// argumentError says which argument cannot be stored. Its value is not quoted.
func argumentError(i int, v any, err error) error {
	return fmt.Errorf("%w: argument %d, a %T: %w", ErrInvalidValue, i+1, v, err)
}
