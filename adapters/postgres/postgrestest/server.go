package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// Server is a private PostgreSQL server. Its methods may be called by many
// goroutines at once.
type Server struct {
	bin  string // folder of the server's programs
	dir  string // its temporary folder
	port int
	keep []string // settings, as name=value

	mu      sync.Mutex
	running *process
	count   int // of databases made
}

// Start starts a new, empty server; settings are further lines of its
// configuration, such as "max_connections=300". ctx bounds the start alone.
// Call Stop when it is no longer needed.
//
// It needs the programs initdb and postgres: on the PATH, or where Debian puts
// them. The error says what to install. A process of root's runs the server as
// the user postgres, or nobody, since PostgreSQL refuses to run as root.
func Start(ctx context.Context, settings ...string) (_ *Server, err error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "postgrestest")
	if err != nil {
		return nil, fmt.Errorf("postgrestest: %w", err)
	}
	s := &Server{bin: bin, dir: dir, keep: slices.Clone(settings)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()
	if err := giveAway(dir); err != nil {
		return nil, fmt.Errorf("postgrestest: %w", err)
	}
	if s.port, err = freePort(); err != nil {
		return nil, fmt.Errorf("postgrestest: %w", err)
	}
	initdb := s.command(ctx, "initdb", "--pgdata="+s.data(), "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C")
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("postgrestest: initdb: %w\n%s", err, out)
	}
	return s, s.Resume(ctx)
}

// programs finds the folder of initdb and postgres; on Debian they are not on
// the PATH.
func programs() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	slices.SortFunc(found, func(a, b string) int { return versionOf(b) - versionOf(a) })
	if path, err := exec.LookPath("postgres"); err == nil {
		found = append([]string{path}, found...)
	}
	for _, path := range found {
		if _, err := os.Stat(filepath.Join(filepath.Dir(path), "initdb")); err == nil {
			return filepath.Dir(path), nil
		}
	}
	return "", errors.New("postgrestest: the programs initdb and postgres are not installed; on Debian: apt-get install postgresql")
}

// versionOf reads the major version from a path like
// /usr/lib/postgresql/15/bin/postgres.
func versionOf(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	return n
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// Addr is the server's host and port, for a proxy in front of it.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// DSN is how to reach one of the server's databases; "postgres" is always there.
func (s *Server) DSN(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User("postgres"), Host: s.Addr(), Path: "/" + database, RawQuery: "sslmode=disable"}
	return u.String()
}

// NewDatabase makes a new, empty database and returns its DSN.
func (s *Server) NewDatabase(ctx context.Context) (string, error) {
	s.mu.Lock()
	s.count++
	name := fmt.Sprintf("test%d", s.count)
	s.mu.Unlock()
	conn, err := pgx.Connect(ctx, s.DSN("postgres"))
	if err != nil {
		return "", fmt.Errorf("postgrestest: %w", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		return "", fmt.Errorf("postgrestest: %w", err)
	}
	return s.DSN(name), nil
}

// Crash stops the server at once, as a crash would: nobody is asked, nothing is
// put away, and what was committed must be recovered from its log.
func (s *Server) Crash() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end(immediate)
}

// Resume starts a server that was stopped by Crash, on the same port, and
// returns when it answers. It does nothing where the server runs.
func (s *Server) Resume(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running != nil {
		return nil
	}
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("postgrestest: %w", err)
	}
	defer log.Close()
	if s.running, err = s.launch(log); err != nil {
		return fmt.Errorf("postgrestest: %w", err)
	}
	return s.answers(ctx)
}

// arguments are those of the program postgres.
func (s *Server) arguments() []string {
	args := []string{"-D", s.data(), "-p", strconv.Itoa(s.port), "-k", "", "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200", "-c", "timezone=UTC"}
	for _, setting := range s.keep {
		args = append(args, "-c", setting)
	}
	return args
}

// answers waits until the server accepts connections.
func (s *Server) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for {
		conn, err := pgx.Connect(ctx, s.DSN("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-retry.C:
		case <-s.running.ended:
			return fmt.Errorf("postgrestest: the server ended at its start:\n%s", s.Log())
		case <-ctx.Done():
			return fmt.Errorf("postgrestest: the server does not answer: %w\n%s", err, s.Log())
		}
	}
}

// Log is what the server has written to its log.
func (s *Server) Log() string {
	text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	return string(text)
}

// Stop stops the server, if it runs, and removes its folder.
func (s *Server) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.end(fast), os.RemoveAll(s.dir))
}

// end stops the server and waits until it is gone.
func (s *Server) end(how stopping) error {
	if s.running == nil {
		return nil
	}
	err := s.running.stop(how)
	s.running = nil
	return err
}
