//go:build !unix

package postgrestest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
)

type stopping int

const (
	fast stopping = iota
	immediate
)

type process struct{ ended chan struct{} }

func (s *Server) launch(*os.File) (*process, error) {
	return nil, errors.New("a private server can be started on Unix systems only")
}

func (p *process) stop(stopping) error { return nil }

func (s *Server) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, filepath.Join(s.bin, name), args...)
}

func giveAway(string) error { return nil }
