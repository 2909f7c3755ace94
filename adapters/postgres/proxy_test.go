package postgres_test

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
)

// cut says where a proxy breaks a connection.
type cut int

const (
	nowhere       cut = iota
	beforeRequest     // what the client sends does not arrive
	beforeAnswer      // it arrives and is done, but the answer does not come back
)

// proxy is a way to the server that can break, once.
type proxy struct {
	net.Listener
	mu   sync.Mutex
	next cut
	cuts int
}

// behindProxy returns a pool that reaches a database through a proxy.
func behindProxy(t *testing.T, dsn string) (*pgxpool.Pool, *proxy) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{Listener: l}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { p.serve(client) })
		}
	})
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = l.Addr().String()
	pool, err := pgxpool.New(t.Context(), u.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		pool.Close()
		l.Close()
		all.Wait()
	})
	return pool, p
}

// breaks tells whether to break here, and does so once.
func (p *proxy) breaks(here cut) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next != here {
		return false
	}
	p.next = nowhere
	p.cuts++
	return true
}

func (p *proxy) arm(c cut) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = c
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	backend, err := net.Dial("tcp", server.Addr())
	if err != nil {
		return
	}
	defer backend.Close()
	var back sync.WaitGroup
	back.Go(func() {
		defer client.Close()
		p.pass(client, backend, beforeAnswer)
	})
	p.pass(backend, client, beforeRequest)
	backend.Close()
	back.Wait()
}

func (p *proxy) pass(to io.Writer, from io.Reader, here cut) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil || p.breaks(here) {
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}
