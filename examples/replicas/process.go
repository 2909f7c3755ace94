package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// process is a replica that runs in a process of its own.
type process struct {
	name    string
	address string
	command *exec.Cmd
	ended   chan struct{}
}

// start starts a replica of this program, with more flags where some are given, and
// waits until it serves.
func start(ctx context.Context, name, database, listen, dir string, flags ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, name+".log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p := &process{name: name, ended: make(chan struct{})}
	flags = append([]string{"replica", "-name", name, "-database", database, "-listen", listen, "-trail", filepath.Join(dir, "trail")}, flags...)
	p.command = exec.Command(self, flags...)
	p.command.Env = append(os.Environ(), "REPLICAS_CHILD=1")
	p.command.Stderr = log
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt is passed on in order
	out, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	go func() {
		defer close(p.ended)
		_ = p.command.Wait()
	}()
	if err != nil {
		_ = p.stop(ctx)
		text, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("replica %s did not start:\n%s", name, text)
	}
	p.address = "http://" + strings.TrimSpace(line)
	return p, nil
}

// kill ends the process at once, wherever it is.
func (p *process) kill() error {
	err := p.command.Process.Kill()
	<-p.ended
	return err
}

// stop has the process finish what it is at, and waits for that.
func (p *process) stop(ctx context.Context) error {
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	late := time.NewTimer(30 * time.Second)
	defer late.Stop()
	select {
	case <-p.ended:
		return nil
	case <-ctx.Done():
	case <-late.C:
	}
	return p.kill()
}
