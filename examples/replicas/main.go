// Replicas shows a service that runs three replicas over one PostgreSQL: it puts
// load on all, kills one, and tells what became of every action.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/elevenminutes/interlock/examples/replicas/internal/service"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "replicas:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 && args[0] == "replica" {
		return replica(ctx, args[1:], stdout, stderr)
	}
	o := options{workers: 12, fault: kill}
	flags := flag.NewFlagSet("replicas", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.DurationVar(&o.load, "load", 12*time.Second, "how long to put load on the replicas")
	flags.BoolVar(&o.stay, "stay", false, "put no load on them, and keep them running for requests by hand")
	flags.StringVar(&o.dir, "dir", "", "folder for the trail and the replicas' logs (a new temporary one)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	return show(ctx, o, stdout)
}

// replica is one process of the service, until it is told to end.
func replica(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var c service.Config
	flags := flag.NewFlagSet("replicas replica", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&c.Name, "name", "", "the replica's name")
	flags.StringVar(&c.Database, "database", "", "DSN of the database")
	flags.StringVar(&c.Listen, "listen", "127.0.0.1:0", "address to listen on")
	flags.StringVar(&c.Trail, "trail", "", "directory of the trail")
	flags.DurationVar(&c.HandlerTimeout, "handler", 0, "how long a handler may take")
	if err := flags.Parse(args); err != nil {
		return err
	}
	r, err := service.Start(ctx, c, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, r.Address())
	<-ctx.Done()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	return r.Close(last)
}
