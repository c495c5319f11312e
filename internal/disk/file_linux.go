package disk

import (
	"io"
	"io/fs"
	"syscall"
)

// osFile is a file descriptor without os.File around it: that would register every
// file with the poller and take a lock per call, which a new database of a few
// writes pays for, and would sync more than fdatasync does.
type osFile struct {
	fd   int
	name string // for errors
}

func openFile(name string, flag int) (File, error) {
	var fd int
	err := retry(func() (err error) {
		fd, err = syscall.Open(name, flag|syscall.O_CLOEXEC, filePerm)
		return err
	})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &osFile{fd: fd, name: name}, nil
}

func (f *osFile) ReadAt(p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) {
		n, err := syscall.Pread(f.fd, p[done:], off+int64(done))
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return done, f.fail("read", err)
		case n == 0:
			return done, io.EOF
		}
		done += n
	}
	return done, nil
}

func (f *osFile) WriteAt(p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) {
		n, err := syscall.Pwrite(f.fd, p[done:], off+int64(done))
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return done, f.fail("write", err)
		case n == 0:
			return done, f.fail("write", io.ErrShortWrite)
		}
		done += n
	}
	return done, nil
}

func (f *osFile) Truncate(size int64) error {
	return f.fail("truncate", retry(func() error { return syscall.Ftruncate(f.fd, size) }))
}

func (f *osFile) Size() (int64, error) {
	var st syscall.Stat_t
	err := retry(func() error { return syscall.Fstat(f.fd, &st) })
	return st.Size, f.fail("stat", err)
}

// Sync is not tried again after an error: the kernel may have dropped the pages
// that it could not write, and then reports success.
func (f *osFile) Sync() error {
	return f.fail("sync", retry(func() error { return syscall.Fdatasync(f.fd) }))
}

// Close is not tried again either: after EINTR Linux has closed the descriptor.
func (f *osFile) Close() error {
	err := syscall.Close(f.fd)
	if err == syscall.EINTR {
		err = nil
	}
	return f.fail("close", err)
}

func (f *osFile) fail(op string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: f.name, Err: err}
}

func syncDir(dir string) error {
	var fd int
	err := retry(func() (err error) {
		fd, err = syscall.Open(dir, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	f := &osFile{fd: fd, name: dir}
	err = f.fail("sync", retry(func() error { return syscall.Fsync(fd) }))
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// retry repeats a system call that a signal interrupted.
func retry(call func() error) error {
	for {
		if err := call(); err != syscall.EINTR {
			return err
		}
	}
}
