//go:build unix

package postgrestest

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// stopping is how a server is told to stop: the signal to its supervisor, which
// passes on what PostgreSQL takes for it. A process that was started in the
// background may be deaf to SIGINT and SIGQUIT for ever, and its shells with it.
type stopping syscall.Signal

// See "Shutting Down the Server" in PostgreSQL's manual.
const (
	fast      = stopping(syscall.SIGTERM)
	immediate = stopping(syscall.SIGUSR1)
)

// supervise runs the server beside a reader of the standard input. That ends
// with this process, however it ends, and then so does the server.
const supervise = `"$@" </dev/null & server=$!
(cat >/dev/null; kill -QUIT $server) <&3 2>/dev/null & watch=$!
trap 'kill -INT $server' TERM
trap 'kill -QUIT $server' USR1
while kill -0 $server 2>/dev/null; do wait $server; done
kill $watch 2>/dev/null`

// process is a running server.
type process struct {
	command *exec.Cmd
	hold    io.Closer
	ended   chan struct{}
}

func (s *Server) launch(log *os.File) (*process, error) {
	c := s.command(context.Background(), "sh", append([]string{"-c", supervise, "sh", filepath.Join(s.bin, "postgres")}, s.arguments()...)...)
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	c.ExtraFiles = []*os.File{read}
	c.Stdout, c.Stderr = log, log
	c.SysProcAttr.Setpgid = true // a Ctrl-C in the terminal is not for the server
	if err := c.Start(); err != nil {
		write.Close()
		return nil, err
	}
	p := &process{command: c, hold: write, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		c.Wait()
	}()
	return p, nil
}

// stop tells the server to stop and waits until it has.
func (p *process) stop(how stopping) error {
	defer p.hold.Close()
	if err := p.command.Process.Signal(syscall.Signal(how)); err != nil && err != os.ErrProcessDone {
		return fmt.Errorf("postgrestest: %w", err)
	}
	late := time.NewTimer(time.Minute)
	defer late.Stop()
	select {
	case <-p.ended:
		return nil
	case <-late.C:
		return fmt.Errorf("postgrestest: the server did not stop within a minute")
	}
}

// command prepares a program of the server's, as a user who may run it.
func (s *Server) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	path := filepath.Join(s.bin, name)
	if name == "sh" {
		path = "/bin/sh"
	}
	c := exec.CommandContext(ctx, path, args...)
	c.Dir = s.dir
	c.SysProcAttr = &syscall.SysProcAttr{}
	if uid, gid, ok := unprivileged(); ok {
		c.SysProcAttr.Credential = &syscall.Credential{Uid: uid, Gid: gid}
	}
	return c
}

// giveAway makes a folder that of the user who will run the server.
func giveAway(dir string) error {
	if uid, gid, ok := unprivileged(); ok {
		return os.Chown(dir, int(uid), int(gid))
	}
	return nil
}

// unprivileged is who runs the server where this process is root's.
func unprivileged() (uid, gid uint32, ok bool) {
	if os.Getuid() != 0 {
		return 0, 0, false
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
			gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
			if uidErr == nil && gidErr == nil {
				return uint32(uid), uint32(gid), true
			}
		}
	}
	return 0, 0, false
}
