package commitlog

import (
	"encoding/binary"
	"fmt"
)

// DamageError says that a log is not as it was written: something behind the position is in
// order, and what is there was durable before that was begun (invariant 4).
type DamageError struct {
	Path string // of the segment
	At   int64  // offset in bytes
}

// Error implements error.
func (e *DamageError) Error() string {
	return fmt.Sprintf("commitlog: %s is damaged at byte %d: good commits follow", e.Path, e.At)
}

// intact says whether nothing is missing between the batches that scan found.
func intact(segments []*segment) error {
	for i, s := range segments {
		if i > 0 && s.batches > 0 {
			last := segments[i-1]
			if s.number != last.number+1 || last.batches < s.before {
				return &DamageError{last.path, last.size}
			}
		}
		if more, err := s.resumes(); err != nil {
			return err
		} else if more {
			return &DamageError{s.path, s.size}
		}
	}
	return nil
}

// patience bounds how much of a segment is read in search of good batches behind the end, as
// a multiple of the segment: what objects store may look like any number of batches.
const patience = 16

// resumes says whether there is a good batch anywhere behind the end.
func (s *segment) resumes() (bool, error) {
	size, err := s.file.Size()
	if err != nil {
		return false, err
	}
	spent := int64(0)
	p := make([]byte, min(chunk, max(size-s.size, 0)))
	for at := s.size + 1; at+batchHeader+batchFooter <= size; at += int64(len(p)) - batchHeader + 1 {
		p = p[:min(int64(len(p)), size-at)]
		if _, err := s.file.ReadAt(p, at); err != nil {
			return false, err
		}
		for i := 0; i+batchHeader <= len(p); i++ {
			n, number := binary.LittleEndian.Uint64(p[i:]), binary.LittleEndian.Uint64(p[i+8:])
			if n|number == 0 {
				i += 8 // room that was made ahead: no length begins in these
				continue
			}
			if n == 0 || n > uint64(size) || number <= s.batches+1 || number > uint64(size) {
				continue
			}
			if spent += int64(n); spent > patience*size {
				return false, nil
			}
			if n, err := s.check(at+int64(i), size, number); err != nil || n >= 0 {
				return n >= 0, err
			}
		}
	}
	return false, nil
}
