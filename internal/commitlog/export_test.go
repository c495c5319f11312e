package commitlog

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"testing"
)

// SetVersion makes a segment one of another format.
func SetVersion(t *testing.T, path string, v uint32) {
	p, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	binary.LittleEndian.PutUint32(p[8:], v)
	binary.LittleEndian.PutUint32(p[headerSize-4:], crc32.Checksum(p[:headerSize-4], castagnoli))
	if err := os.WriteFile(path, p, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Payload gives the records of a batch as bytes, Raw makes a batch of any bytes.
func Payload(b *Batch) []byte { return b.inline }

func Raw(p []byte) *Batch { return &Batch{inline: p} }
