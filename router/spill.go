package router

import (
	"io"
	"net/http"
	"os"
	"runtime"
)

// fileBody is a body in a temporary file.
type fileBody struct {
	tempFile
	rest runtime.Cleanup // for a body that is left to an object after a hang-up
}

type tempFile struct {
	*os.File
	name string // to be removed after Close; empty where that could be done at once
}

// spill puts head and the rest of r's body into a temporary file.
func spill(r *http.Request, head []byte, limit int64) (body, error) {
	f, err := os.CreateTemp("", "do-body-")
	if err != nil {
		return body{}, err
	}
	b := &fileBody{tempFile: tempFile{File: f, name: f.Name()}}
	if os.Remove(b.name) == nil { // systems that can: nothing stays even after a crash
		b.name = ""
	}
	n, err := fill(f, head, r.Body, limit)
	if err != nil {
		b.close()
		return body{}, err
	}
	b.rest = runtime.AddCleanup(b, tempFile.close, b.tempFile)
	return body{ReadCloser: fileReader{b}, length: n, file: b}, nil
}

func fill(f *os.File, head []byte, rest io.Reader, limit int64) (int64, error) {
	if _, err := f.Write(head); err != nil {
		return 0, err
	}
	n := int64(len(head))
	if limit >= 0 {
		rest = io.LimitReader(rest, limit-n+1)
	}
	from := &source{Reader: rest}
	m, err := io.Copy(f, from)
	switch n += m; {
	case from.err != nil:
		return 0, asRefusal(from.err)
	case err != nil:
		return 0, err
	case limit >= 0 && n > limit:
		return 0, errTooLong
	}
	_, err = f.Seek(0, io.SeekStart)
	return n, err
}

// source remembers whether it was reading that failed.
type source struct {
	io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

func (b *fileBody) discard() {
	b.rest.Stop()
	b.close()
}

// close is for a file that nobody will miss: there is nobody to tell of a failure.
func (t tempFile) close() {
	_ = t.Close()
	if t.name != "" {
		_ = os.Remove(t.name)
	}
}

// fileReader is what the object gets of a fileBody.
type fileReader struct{ b *fileBody }

func (f fileReader) Read(p []byte) (int, error) {
	n, err := f.b.Read(p)
	runtime.KeepAlive(f.b)
	return n, err
}

// Close closes the file, which is removed once the request is over.
func (f fileReader) Close() error {
	err := f.b.Close()
	runtime.KeepAlive(f.b)
	return err
}
