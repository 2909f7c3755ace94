//go:build !linux

package audit

func (f osFile) sync() error { return f.Sync() }
