package clone

import "strconv"

// object reads a plain object.
func (r *reader) object() any {
	n, m := r.begin(), map[string]any{}
	count := uint64(0)
	for ; r.err == nil && r.peek() != '{'; count++ {
		k := r.name()
		v := r.value()
		if _, twice := m[k]; twice {
			r.fail("a name stands twice")
		}
		m[k] = v
	}
	r.close('{', count)
	r.end(n, m)
	return m
}

// name reads the name of a property, which may be a number.
func (r *reader) name() string {
	k := r.value()
	switch k := k.(type) {
	case string:
		return k
	case int64:
		return strconv.FormatInt(k, 10)
	}
	r.fail("a name is neither a string nor a whole number")
	return ""
}

// close reads what ends an object, an array, a Map or a Set, and how many properties, keys
// and values it says to have.
func (r *reader) close(tag byte, count uint64) {
	if r.next() != tag {
		r.fail("it does not end where it should")
	}
	if said := r.varint(32); said != count {
		r.failf("%d parts, said to be %d", count, said)
	}
}

// closeArray also wants the length again.
func (r *reader) closeArray(tag byte, count, length uint64) {
	if r.close(tag, count); r.varint(32) != length {
		r.fail("an array's lengths differ")
	}
}

// dense reads an array in which hardly an element is missing.
func (r *reader) dense() any {
	n, length := r.begin(), r.varint(32)
	if length > uint64(len(r.data)-r.at) { // each has a byte
		r.fail("it ends too early")
	}
	if r.err != nil {
		return nil
	}
	list := make([]any, 0, min(length, 1024)) // arrays inside each other may all lie
	for r.err == nil && uint64(len(list)) < length {
		if r.peek() == '-' {
			r.next()
			list = append(list, nil)
			continue
		}
		list = append(list, r.value())
	}
	if r.err == nil && r.peek() != '$' {
		r.fail("an array with properties of its own cannot be taken over")
	}
	r.closeArray('$', 0, length)
	r.end(n, list)
	return list
}

// sparse reads an array as its elements with their numbers.
func (r *reader) sparse() any {
	n, length := r.begin(), r.varint(32)
	var list []any
	count := uint64(0)
	for ; r.err == nil && r.peek() != '@'; count++ {
		k := r.value()
		v := r.value()
		i, ok := k.(int64)
		if r.err == nil && (!ok || i < 0 || uint64(i) >= length) {
			r.fail("an array with properties of its own cannot be taken over")
		}
		if r.err == nil && uint64(i) < uint64(len(list)) {
			r.fail("the elements of an array are not in their order")
		}
		if r.err == nil {
			list = append(r.pad(list, uint64(i)), v)
		}
	}
	r.closeArray('@', count, length)
	list = r.pad(list, length)
	r.end(n, list)
	return list
}

// pad appends holes up to a length.
func (r *reader) pad(list []any, length uint64) []any {
	if r.err != nil {
		return nil
	}
	more := length - uint64(len(list))
	if more > uint64(maxHoles-r.holes) {
		r.failf("over %d elements of arrays are missing", maxHoles)
		return nil
	}
	r.holes += int(more)
	if list == nil {
		list = make([]any, 0, more)
	}
	return append(list, make([]any, more)...)
}

// mapping reads a Map.
func (r *reader) mapping() any {
	n := r.begin()
	var pairs []any
	texts := true
	for r.err == nil && r.peek() != ':' {
		k := r.value()
		v := r.value()
		_, text := k.(string)
		texts = texts && text
		pairs = append(pairs, []any{k, v})
	}
	r.close(':', 2*uint64(len(pairs)))
	if r.err != nil {
		return nil
	}
	if !texts {
		r.end(n, pairs)
		return pairs
	}
	m := make(map[string]any, len(pairs))
	for _, p := range pairs {
		p := p.([]any)
		m[p[0].(string)] = p[1]
	}
	if len(m) < len(pairs) { // String objects as keys, say, which are not equal there
		r.fail("a key stands twice")
	}
	r.end(n, m)
	return m
}

// set reads a Set.
func (r *reader) set() any {
	n, list := r.begin(), []any{}
	for r.err == nil && r.peek() != ',' {
		list = append(list, r.value())
	}
	r.close(',', uint64(len(list)))
	r.end(n, list)
	return list
}
