package clone_test

import (
	"encoding/hex"
	"errors"
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/durablego/do/internal/clone"
)

type (
	list = []any
	obj  = map[string]any
)

// written are values as the reference wrote them.
var written = []struct {
	name, hex string
	want      any
}{
	{"null", "ff0f30", nil},
	{"undefined", "ff0f5f", nil},
	{"true", "ff0f54", true},
	{"false", "ff0f46", false},
	{"42", "ff0f4954", int64(42)},
	{"-7", "ff0f490d", int64(-7)},
	{"largest int32", "ff0f49feffffff0f", int64(math.MaxInt32)},
	{"smallest int32", "ff0f49ffffffff0f", int64(math.MinInt32)},
	{"uint32", "ff0f55ffffffff0f", int64(math.MaxUint32)},
	{"3000000000", "ff0f4e000000c00b5ae641", int64(3000000000)},
	{"1.5", "ff0f4e000000000000f83f", 1.5},
	{"Infinity", "ff0f4e000000000000f07f", math.Inf(1)},
	{"-0", "ff0f4e0000000000000080", math.Copysign(0, -1)},
	{"2^53-1", "ff0f4effffffffffff3f43", int64(1<<53 - 1)},
	{"2^53", "ff0f4e0000000000004043", float64(1 << 53)},
	{"1e300", "ff0f4e9c7500883ce4377e", 1e300},
	{"one-byte string", "ff0f220568656c6c6f", "hello"},
	{"latin-1", "ff0f2204636166e9", "café"},
	{"two-byte string", "ff0f630ae5652c6720003cd889df", "日本 🎉"},
	{"half a pair", "ff0f630400d87800", "\xed\xa0\x80x"},
	{"the other half", "ff0f630400dc00d8", "\xed\xb0\x80\xed\xa0\x80"},
	{"utf-8 string", "ff0f5305636166c3a9", "café"},
	{"empty string", "ff0f2200", ""},
	{"date", "ff0f4400b08756febc7842", time.UnixMilli(1700000000123).UTC()},
	{"0n", "ff0f5a00", int64(0)},
	{"-9007199254740993n", "ff0f5a110100000000002000", int64(-9007199254740993)},
	{"smallest int64", "ff0f5a110000000000000080", int64(math.MinInt64)},
	{"Boolean", "ff0f79", true},
	{"Boolean false", "ff0f78", false},
	{"Number", "ff0f6e0000000000000840", int64(3)},
	{"BigInt object", "ff0f7a100500000000000000", int64(5)},
	{"String", "ff0f732205626f786564", "boxed"},
	{"array", "ff0f41054902220374776f305f41014906240001240005", list{int64(1), "two", nil, nil, list{int64(3)}}},
	{"doubles", "ff0f41024e000000000000f83f4e0000000000000440240002", list{1.5, 2.5}},
	{"empty array", "ff0f4100240000", list{}},
	{"hole", "ff0f410249022d240002", list{int64(1), nil}},
	{"sparse", "ff0f61034900490249044906400203", list{int64(1), nil, int64(3)}},
	{"hole at the end", "ff0f610249004902400102", list{int64(1), nil}},
	{"all holes", "ff0f6103400003", list{nil, nil, nil}},
	{"empty object", "ff0f6f7b00", obj{}},
	{"object", "ff0f6f490e2205736576656e22016149022201626f2201634101542400017b012201e94902006302e56549047b05",
		obj{"7": "seven", "a": int64(1), "b": obj{"c": list{true}}, "é": int64(1), "日": int64(2)}},
	{"Map", "ff0f3b220161490249042201626f22017849027b01303a06",
		list{list{"a", int64(1)}, list{int64(2), "b"}, list{obj{"x": int64(1)}, nil}}},
	{"Map of strings", "ff0f3b2201614902220162410149042400013a04", obj{"a": int64(1), "b": list{int64(2)}}},
	{"empty Map", "ff0f3b3a00", obj{}},
	{"Set", "ff0f2749022201616f22016249047b012c03", list{int64(1), "a", obj{"b": int64(2)}}},
	{"empty Set", "ff0f272c00", list{}},
	{"ArrayBuffer", "ff0f4203010203", []byte{1, 2, 3}},
	{"empty ArrayBuffer", "ff0f4200", []byte{}},
	{"growing ArrayBuffer", "ff0f7e02080102", []byte{1, 2}},
	{"Uint8Array", "ff0f42030405065642000300", []byte{4, 5, 6}},
	{"Uint8ClampedArray", "ff0f42030405065643000300", []byte{4, 5, 6}},
	{"Int8Array", "ff0f4202ff015662000200", []int8{-1, 1}},
	{"Int16Array of a part", "ff0f420801000200030004005677020400", []int16{2, 3}},
	{"Uint16Array", "ff0f4202ffff5657000200", []uint16{65535}},
	{"Int32Array", "ff0f4204ffffffff5664000400", []int32{-1}},
	{"Uint32Array", "ff0f4204ffffffff5644000400", []uint32{math.MaxUint32}},
	{"Float16Array", "ff0f4208003e00c0007c01005668000800", []float64{1.5, -2, math.Inf(1), 0x1p-24}},
	{"Float32Array", "ff0f42040000c03f5666000400", []float32{1.5}},
	{"Float64Array", "ff0f4210000000000000f83f00000000000000c05646001000", []float64{1.5, -2}},
	{"DataView of a part", "ff0f4203090807563f010200", []byte{8, 7}},
	{"BigInt64Array", "ff0f4210ffffffffffffffff05000000000000005671001000", []int64{-1, 5}},
	{"BigUint64Array", "ff0f4208ffffffffffffffff5651000800", []uint64{math.MaxUint64}},
	{"view to the end of a growing buffer", "ff0f7e0408010203045642010001", []byte{2, 3, 4}},
	{"view in version 13", "ff0d420304050656420003", []byte{4, 5, 6}},
	{"twice the same", "ff0f41026f22016149027b015e01240002", list{obj{"a": int64(1)}, obj{"a": int64(1)}}},
	{"two views of a buffer", "ff0f6f2201784208000000000000000056420008002201795e0156570008007b02",
		obj{"x": make([]byte, 8), "y": make([]uint16, 4)}},
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	data, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestIssue5Part6ValuesOfTheReference reads every kind of value that is taken over.
func TestIssue5Part6ValuesOfTheReference(t *testing.T) {
	for _, c := range written {
		got, err := clone.Read(unhex(t, c.hex))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %T %#v, %v, want %T %#v", c.name, got, got, err, c.want, c.want)
		}
	}
	got, err := clone.Read(unhex(t, "ff0f4e000000000000f87f"))
	if f, ok := got.(float64); err != nil || !ok || !math.IsNaN(f) {
		t.Errorf("NaN: %v, %v", got, err)
	}
	if f, _ := clone.Read(unhex(t, "ff0f4e0000000000000080")); !math.Signbit(f.(float64)) {
		t.Error("-0 lost its sign")
	}
	if got, err := clone.Read(unhex(t, "ff0e3f0300004102003f004902004904240002")); err != nil || !reflect.DeepEqual(got, list{int64(1), int64(2)}) {
		t.Errorf("with padding and counts: %v, %v", got, err)
	}
	twice, err := clone.Read(unhex(t, "ff0f41026f22016149027b015e01240002"))
	if err != nil {
		t.Fatal(err)
	}
	twice.(list)[0].(obj)["a"] = 9
	if twice.(list)[1].(obj)["a"] != 9 {
		t.Error("a value that stands twice is two values")
	}
}

// TestIssue5Part6Refused has every kind of value that is not taken over, and what no program has written.
func TestIssue5Part6Refused(t *testing.T) {
	for _, c := range []struct {
		name, hex string
		tag       byte
	}{
		{"nothing", "", 0},
		{"no version", "4902", 0},
		{"version 12", "ff0c30", 0},
		{"version 16", "ff1030", 0},
		{"version only", "ff0f", 0},
		{"error", "ff0f725402", 'r'},
		{"host object", "ff0f5c0a012204626f6f6d", '\\'},
		{"regular expression", "ff0f5222017801", 'R'},
		{"shared buffer", "ff0f7500", 'u'},
		{"unknown", "ff0f21", '!'},
		{"hole by itself", "ff0f2d", '-'},
		{"circle", "ff0f6f22026d655e007b01", '^'},
		{"circle of an array", "ff0f41015e00240001", '^'},
		{"circle of a Map", "ff0f3b2201615e003a02", '^'},
		{"no such object", "ff0f5e05", '^'},
		{"array with a property", "ff0f41024902490422046e616d65220178240102", 'I'},
		{"sparse array with a property", "ff0f610122016e4902400101", 'I'},
		{"sparse array out of order", "ff0f6103490249024900490240020 3", 'I'},
		{"very sparse array", "ff0f61ffffffff0f4000ffffffff0f", '@'},
		{"long array in few bytes", "ff0f41ffffffff0f", 'A'},
		{"lengths differ", "ff0f41014902240002", '$'},
		{"counts differ", "ff0f6f22016149027b02", '{'},
		{"name twice", "ff0f6f22016149022201614902 7b02", 'I'},
		{"name is no name", "ff0f6f5449027b01", 'T'},
		{"invalid date", "ff0f44000000000000f87f", 'D'},
		{"date out of range", "ff0f449c7500883ce4377e", 'D'},
		{"Go's zero time", "ff0f4400006c168941ccc2", 'D'},
		{"large BigInt", "ff0f5a10d20a1feb8ca954ab", 'Z'},
		{"small BigInt", "ff0f5a11 0100000000000080", 'Z'},
		{"BigInt of 9 bytes", "ff0f5a12000000000000000001", 'Z'},
		{"half a character", "ff0f6303616161", 'c'},
		{"string too short", "ff0f2205 61", '"'},
		{"String of a number", "ff0f734902", 'I'},
		{"view too large", "ff0f42035642020200", 'B'},
		{"view larger than its buffer", "ff0f42030102035642020200", 'V'},
		{"view within an element", "ff0f42030102035657000300", 'V'},
		{"view of an unknown kind", "ff0f42030102035658000300", 'V'},
		{"growing buffer too large", "ff0f7e0201", '~'},
		{"number too long", "ff0f49ffffffffffffffffff01", 'I'},
		{"number too large", "ff0f55ffffffff1f", 'U'},
		{"more behind it", "ff0f3030", '0'},
		{"cut off", "ff0f6f220161", '"'},
	} {
		v, err := clone.Read(unhex(t, strings.ReplaceAll(c.hex, " ", "")))
		if e, ok := errors.AsType[*clone.Error](err); !ok || e.Tag != c.tag || v != nil {
			t.Errorf("%s: %v, %v, want an error about tag %q", c.name, v, err, c.tag)
		}
	}
}

// TestHostileValuesStaySmall has few bytes that ask for much memory or a deep stack.
func TestHostileValuesStaySmall(t *testing.T) {
	header := "\xff\x0f"
	deep := func(n int) []byte {
		return []byte(header + strings.Repeat("A\x01", n) + "0" + strings.Repeat("$\x00\x01", n))
	}
	if _, err := clone.Read(deep(999)); err != nil {
		t.Errorf("999 levels: %v", err)
	}
	lying := header + strings.Repeat("A\x80\x80\x40", 900) + strings.Repeat("0", 2<<20)
	views := header + "A\xff\x07B\x80\x80\x40" + strings.Repeat("x", 1<<20) + strings.Repeat("^\x01VB\x00\x80\x80\x40\x00", 1000)
	for name, data := range map[string][]byte{"deep": deep(100_000), "lying": []byte(lying), "views": []byte(views)} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := clone.Read(data)
		runtime.ReadMemStats(&after)
		if e, ok := errors.AsType[*clone.Error](err); !ok {
			t.Errorf("%s: %v", name, e)
		}
		if took, most := after.TotalAlloc-before.TotalAlloc, uint64(100<<20); took > most {
			t.Errorf("%s: %d bytes for %d, want at most %d", name, took, len(data), most)
		}
	}
}

// FuzzRead: any bytes give a value or an *Error. What it gives has no circles: DeepEqual, which follows
// them, ends.
func FuzzRead(f *testing.F) {
	for _, c := range written {
		f.Add(unhex(f, c.hex))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := clone.Read(data)
		if _, ok := errors.AsType[*clone.Error](err); err != nil && (!ok || v != nil || err.Error() == "") {
			t.Errorf("%v, %T %v", v, err, err)
		}
		w, again := clone.Read(data)
		if (err == nil) != (again == nil) {
			t.Errorf("%v, then %v", err, again)
		}
		_ = reflect.DeepEqual(v, w)
	})
}
