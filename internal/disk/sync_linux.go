package disk

import "syscall"

// Sync leaves out the times of the file, which nobody waits for: fdatasync(2).
func (f osFile) Sync() error {
	return f.control("fdatasync", syscall.Fdatasync)
}
