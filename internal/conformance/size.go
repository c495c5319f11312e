package conformance

// A span bounds how many bytes a value takes encoded.
type span struct{ least, most int }

func (s span) plus(t span) span { return span{s.least + t.least, s.most + t.most} }

// inCBOR bounds a value's size in our encoding.
func inCBOR(v any) span {
	const head = 5 // at most
	switch v := v.(type) {
	case string:
		return span{len(v), len(v) + head}
	case []byte:
		return span{len(v), len(v) + head}
	case []any:
		return sumOf(v, span{0, head}, inCBOR)
	case map[string]any:
		return membersOf(v, span{0, head}, inCBOR)
	}
	return span{1, 9} // numbers are shortened where nothing is lost
}

// inClone bounds a value's size in the reference's encoding, structured clone: text of code points below 256 takes a byte each, other
// text two bytes for each UTF-16 unit.
func inClone(v any) span {
	const head = 8 // at most
	switch v := v.(type) {
	case string:
		wide, units := false, 0
		for _, r := range v {
			wide = wide || r > 0xff
			units++
			if r > 0xffff {
				units++
			}
		}
		if wide {
			units *= 2
		}
		return span{units, units + head}
	case []byte:
		return span{len(v), len(v) + 2*head}
	case []any:
		return sumOf(v, span{0, head}, inClone)
	case map[string]any:
		return membersOf(v, span{0, head}, inClone)
	}
	return span{1, 9}
}

func sumOf(list []any, s span, size func(any) span) span {
	for _, x := range list {
		s = s.plus(size(x))
	}
	return s
}

func membersOf(m map[string]any, s span, size func(any) span) span {
	for name, x := range m {
		s = s.plus(size(name)).plus(size(x))
	}
	return s
}

// straddlesLimit (V2, V4): a case puts an entry that may be too large in one of the two encodings and not in the other.
func straddlesLimit(c *Case) bool {
	return c.any(func(n Node) bool {
		switch n.kind() {
		case "kv.put", "kvs.put":
			return straddles(n.text("key"), decode(n["value"]))
		case "kv.putMany":
			list, _ := decode(n["entries"]).([]any)
			for _, x := range list {
				if pair, _ := x.([]any); len(pair) == 2 && straddles(asText(pair[0]), pair[1]) {
					return true
				}
			}
		}
		return false
	})
}

func straddles(key string, value any) bool {
	const row = 12 // what a row takes beside key and value, at most
	ours := inCBOR(value).plus(span{len(key), len(key)})
	theirs := inClone(value).plus(span{len(key), len(key) + row})
	fit := max(ours.most, theirs.most) <= referenceRowBytes
	tooLarge := min(ours.least, theirs.least) > referenceRowBytes
	return !fit && !tooLarge
}
