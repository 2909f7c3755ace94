//go:build !linux

package audit_test

import "os"

func dataSync(f *os.File) error { return f.Sync() }
