package main

import (
	"net"
	"net/url"
	"sync"
)

// way leads to a server, and can be cut: what is sent then waits, as in a network
// that loses everything, and new connections hang.
type way struct {
	net.Listener
	server string

	mu      sync.Mutex
	open    *sync.Cond
	blocked bool
	closed  bool
	ends    []net.Conn
}

func newWay(server string) (*way, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &way{Listener: l, server: server}
	w.open = sync.NewCond(&w.mu)
	go w.accept()
	return w, nil
}

// to is a DSN that leads this way.
func (w *way) to(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		return dsn
	}
	u.Host = w.Addr().String()
	return u.String()
}

func (w *way) accept() {
	for {
		client, err := w.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", w.server)
		if err != nil {
			client.Close()
			continue
		}
		w.mu.Lock()
		w.ends = append(w.ends, client, server)
		w.mu.Unlock()
		go w.pass(client, server)
		go w.pass(server, client)
	}
}

// pass passes on what it reads.
func (w *way) pass(from, to net.Conn) {
	defer from.Close()
	defer to.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		w.wait()
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// wait waits while the way is cut.
func (w *way) wait() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.blocked && !w.closed {
		w.open.Wait()
	}
}

func (w *way) block(blocked bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.blocked = blocked
	w.open.Broadcast()
}

func (w *way) close() {
	w.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.open.Broadcast()
	for _, c := range w.ends {
		c.Close()
	}
}
