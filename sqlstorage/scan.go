package sqlstorage

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"reflect"
	"strconv"
	"time"

	"github.com/durablego/do/internal/engine"
	"github.com/durablego/do/internal/sqlite"
)

// valueOf gives a value as it comes into an any (S27–S31).
func valueOf(c *engine.Cursor, v sqlite.Value) any {
	switch v.Type {
	case sqlite.Int:
		return v.Int()
	case sqlite.Float:
		return v.Float()
	case sqlite.Text:
		return string(c.Bytes(v))
	case sqlite.Blob:
		return append([]byte{}, c.Bytes(v)...)
	}
	return nil
}

// Why a value does not fit.
var (
	errNil     = errors.New("NULL has no place there")
	errPointer = errors.New("the destination is no pointer, or nil")
	errFit     = errors.New("the value does not fit")
)

// assign copies a value to where dst points (S27–S34). Most of it is what database/sql
// does; it takes more for bool, time.Time and named types.
func assign(dst any, c *engine.Cursor, v sqlite.Value) error {
	switch d := dst.(type) { // the common ones, without reflection
	case *int64:
		if v.Type == sqlite.Int && d != nil {
			*d = v.Int()
			return nil
		}
	case *int:
		if v.Type == sqlite.Int && d != nil {
			*d = int(v.Int())
			return fits(int64(*d) == v.Int())
		}
	case *string:
		if v.Type == sqlite.Text && d != nil {
			*d = string(c.Bytes(v))
			return nil
		}
	case *float64:
		if v.Type == sqlite.Float && d != nil {
			*d = v.Float()
			return nil
		}
	case *[]byte:
		if v.Type == sqlite.Blob && d != nil {
			*d = append([]byte{}, c.Bytes(v)...)
			return nil
		}
	}
	return convert(dst, valueOf(c, v))
}

func fits(ok bool) error {
	if ok {
		return nil
	}
	return errFit
}

// convert assigns src, one of valueOf's, to where dst points. src is not shared.
func convert(dst, src any) error {
	switch d := dst.(type) {
	case *any:
		if d == nil {
			return errPointer
		}
		*d = src
		return nil
	case *time.Time:
		if d == nil {
			return errPointer
		}
		t, err := asTime(src)
		if err == nil {
			*d = t
		}
		return err
	case *sql.NullTime, *sql.Null[time.Time]: // they know no text
		if src != nil {
			t, err := asTime(src)
			if err != nil {
				return err
			}
			src = t
		}
	}
	if s, ok := dst.(sql.Scanner); ok {
		if rv := reflect.ValueOf(dst); rv.Kind() == reflect.Pointer && rv.IsNil() {
			return errPointer
		}
		return s.Scan(src)
	}
	rv := reflect.ValueOf(dst)
	if rv.Kind() != reflect.Pointer || rv.IsNil() {
		return errPointer
	}
	return set(rv.Elem(), src)
}

// set is convert for any other type, by its kind.
func set(d reflect.Value, src any) error {
	switch d.Kind() {
	case reflect.Pointer:
		if src == nil {
			d.SetZero()
			return nil
		}
		fresh := reflect.New(d.Type().Elem())
		if err := convert(fresh.Interface(), src); err != nil {
			return err
		}
		d.Set(fresh)
		return nil
	case reflect.Slice:
		if d.Type().Elem().Kind() != reflect.Uint8 {
			return errFit
		}
		if src == nil {
			d.SetZero()
			return nil
		}
		d.SetBytes(asBytes(src))
		return nil
	case reflect.Interface:
		if src != nil && d.NumMethod() == 0 {
			d.Set(reflect.ValueOf(src))
			return nil
		}
	}
	if src == nil {
		return errNil
	}
	switch d.Kind() {
	case reflect.Bool: // S32
		b, err := driver.Bool.ConvertValue(src)
		if err != nil {
			return errFit
		}
		d.SetBool(b.(bool))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(asString(src), 10, d.Type().Bits())
		if err != nil {
			return errFit
		}
		d.SetInt(n)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		n, err := strconv.ParseUint(asString(src), 10, d.Type().Bits())
		if err != nil {
			return errFit
		}
		d.SetUint(n)
	case reflect.Float32, reflect.Float64:
		f, err := strconv.ParseFloat(asString(src), d.Type().Bits())
		if err != nil {
			return errFit
		}
		d.SetFloat(f)
	case reflect.String:
		d.SetString(asString(src))
	default:
		return errFit
	}
	return nil
}

func asTime(src any) (time.Time, error) {
	switch s := src.(type) {
	case nil:
		return time.Time{}, errNil
	case string:
		return parseTime(s)
	}
	return time.Time{}, errors.New("only TEXT is a time: the unit of a number is not known")
}

func asString(src any) string {
	switch v := src.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	case int64:
		return strconv.FormatInt(v, 10)
	}
	return strconv.FormatFloat(src.(float64), 'g', -1, 64)
}

func asBytes(src any) []byte {
	if b, ok := src.([]byte); ok {
		return b
	}
	return []byte(asString(src))
}
