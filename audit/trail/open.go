package trail

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/elevenminutes/interlock/audit/proof"
	"github.com/elevenminutes/interlock/audit/trail/internal/index"
	"github.com/elevenminutes/interlock/audit/trail/internal/wal"
	"github.com/elevenminutes/interlock/internal/disk"
)

// Open opens the log in a directory, or begins a new one where neither log, key
// nor trusted head exist, and returns it when it is in order:
//
//   - No other process has it open: else [audit.ErrLocked], and
//     [errors.ErrUnsupported] where files can't be locked (Windows and Plan 9
//     among others).
//   - What a crash left is whole again. A torn last group is dropped: none of
//     its appends was acknowledged. Everything else that was written is there,
//     and is published.
//   - The log has what the trusted head covers: else a [*DamageError] that wraps
//     [ErrRolledBack], [ErrRewritten] or [ErrNoHead]. Damage that shows without
//     it, such as a group that is not whole before one that is, is a
//     *DamageError too. Open then changes nothing, but for a directory that it
//     makes. It does not read old entries; [Verify] does, and so does whoever
//     reads them.
//
// A field of the configuration that is wrong is a [*ConfigError]. Opening takes
// time with what was not published when the log was last open, at most the
// two write-ahead files, and, if the index was lost, with the length of the
// log. It needs room on the disk for what was not published: a disk that is
// full keeps a log from being opened.
//
// The owner must call [Log.Close]; until then two goroutines run.
func Open(ctx context.Context, c Config) (*Log, error) {
	return open(ctx, disk.OS{}, c)
}

func open(ctx context.Context, files disk.FS, c Config) (*Log, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	c.setDefaults()
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("trail: %w", err)
	}
	c.Dir = dir
	o := &opening{Log: &Log{config: c, files: files, publisher: &publisher{}}, ctx: ctx}
	returned := false
	defer func() {
		if !returned { // code of the host has panicked or ended the goroutine
			_ = o.release()
		}
	}()
	err = o.run()
	returned = true
	if err != nil {
		return nil, errors.Join(err, o.release())
	}
	return o.start(), nil
}

// The names in a log's directory that are not public.
const (
	privateDir   = "log"
	hashesFile   = "hashes"
	historyName  = "history"
	indexDir     = "index"
	snapshotFile = "snapshot"
)

// walName is the name of a write-ahead file relative to the log's directory.
func walName(i int) string { return fmt.Sprintf("%s/wal-%d", privateDir, i) }

// walFile is an open write-ahead file.
type walFile struct {
	path string
	file disk.File
	info os.FileInfo // which file it is
	size int64
}

// opening is a log that is being opened.
type opening struct {
	*Log
	ctx     context.Context // of Open, which waits for all of it
	trusted *proof.Checkpoint
	found   recovered
}

// run brings the log in order.
func (o *opening) run() error {
	if err := o.makeDir(); err != nil {
		return err
	}
	fresh, err := o.openFiles()
	if err != nil {
		return err
	}
	saved, err := o.loadHead() // once nobody else can save another
	if err != nil {
		return err
	}
	if err := o.loadKey(fresh, saved != nil); err != nil {
		return err
	}
	o.noteSize = noteSize(o.config.Origin)
	if err := o.trust(saved); err != nil {
		return err
	}
	if o.found, err = o.recover(); err != nil {
		return err
	}
	if err := o.checkHead(); err != nil {
		return err
	}
	return o.settle()
}

// loadHead returns what the trusted head has saved.
func (o *opening) loadHead() (saved []byte, err error) {
	if o.config.TrustedHead == nil {
		return nil, nil
	}
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("trail: loading the trusted head: it panicked: %v", v)
		}
	}()
	saved, err = o.config.TrustedHead.Load(o.ctx)
	if err != nil {
		return nil, fmt.Errorf("trail: loading the trusted head: %w", err)
	}
	return saved, nil
}

// makeDir makes the log's directory if it is not there.
func (o *opening) makeDir() error {
	dir := filepath.Join(o.config.Dir, privateDir)
	_, err := o.files.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := o.files.Stat(filepath.Dir(o.config.Dir)); err != nil {
			return fmt.Errorf("trail: the directory above the log's: %w", err)
		}
		err = o.files.MkdirAll(dir, 0o700)
	}
	if err == nil {
		err = errors.Join(o.files.SyncDir(filepath.Dir(o.config.Dir)), o.files.SyncDir(o.config.Dir))
	}
	if err != nil {
		return fmt.Errorf("trail: making the log's directory: %w", err)
	}
	return nil
}

// openFiles opens the write-ahead files and takes them for this process alone.
// It reports whether there is no log yet.
func (o *opening) openFiles() (fresh bool, err error) {
	fresh = true
	for i := range o.writer.files {
		path := filepath.Join(o.config.Dir, filepath.FromSlash(walName(i)))
		f, err := o.files.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return false, fmt.Errorf("trail: opening the write-ahead file: %w", err)
		}
		w := &o.writer.files[i]
		w.path, w.file = path, f
		if err := f.Lock(); err != nil {
			return false, err
		}
		if w.info, err = f.Stat(); err != nil {
			return false, fmt.Errorf("trail: opening the write-ahead file: %w", err)
		}
		if !w.info.Mode().IsRegular() {
			return false, fmt.Errorf("trail: %s is not a regular file", path)
		}
		w.size = w.info.Size()
		if err := o.unchanged(w); err != nil {
			return false, err // who had it open before moved it away until it was ours
		}
		_, err = wal.ReadHeader(f)
		fresh = fresh && errors.Is(err, wal.ErrHeader)
	}
	_, err = o.files.Stat(filepath.Join(o.config.Dir, checkpointFile))
	return fresh && errors.Is(err, fs.ErrNotExist), nil
}

// loadKey loads the key, or generates one for a log that is new.
func (o *opening) loadKey(fresh, trusted bool) (err error) {
	o.key, err = loadSigning(o.files, &o.config)
	switch {
	case errors.Is(err, errNoKey) && !trusted && o.empty():
		if err := o.lay(); err != nil {
			return err
		}
		if err := generateKey(o.files, o.config.KeyFile, o.config.Origin); err != nil {
			return err
		}
		o.key, err = loadSigning(o.files, &o.config)
	case err == nil && fresh && !trusted && o.config.KeyFile != "":
		return &DamageError{File: walName(0), Index: 0, Err: errNoLog, Problem: "and all after it are missing"}
	case err == nil && o.config.KeyFile != "" && o.empty():
		err = syncKeyName(o.files, o.config.KeyFile) // who made it may have been stopped before that
	}
	if err != nil {
		return err
	}
	o.verifier, err = proof.NewVerifier(append([]string{o.key.verifierKey}, o.config.FormerKeys...)...)
	if err != nil {
		return &ConfigError{"FormerKeys", fmt.Sprintf("can't be used: %v", err)}
	}
	return nil
}

var errNoLog = errors.New("there is a key, and nothing that it has signed; if the log never had an entry, remove the key file and its .pub too")

// lay makes the write-ahead files of a new log. They come before its key: a key
// without them says that they were lost.
func (o *opening) lay() error {
	for i := range o.writer.files {
		w := &o.writer.files[i]
		if err := o.fillFile(w); err != nil {
			return err
		}
		if _, err := wal.ReadHeader(w.file); err == nil {
			continue
		}
		h := wal.Header{Epoch: uint64(i) + 1}
		if err := errors.Join(wal.WriteHeader(w.file, h), w.file.Sync()); err != nil {
			return fmt.Errorf("trail: writing the header of %s: %w", w.path, err)
		}
	}
	return o.files.SyncDir(filepath.Join(o.config.Dir, privateDir))
}

// empty reports whether the write-ahead files and the public face show no entry.
func (o *opening) empty() bool {
	if _, err := o.files.Stat(filepath.Join(o.config.Dir, checkpointFile)); !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	for i := range o.writer.files {
		w := &o.writer.files[i]
		h, err := wal.ReadHeader(w.file)
		if errors.Is(err, wal.ErrHeader) {
			continue
		}
		if err != nil || h.Start > 0 {
			return false
		}
		if end, err := wal.Scan(w.file, w.size, h, func(wal.Group) error { return nil }); err != nil || end > wal.HeaderSize {
			return false
		}
	}
	return true
}

// trust reads the checkpoint of the trusted head.
func (o *opening) trust(saved []byte) error {
	if saved == nil {
		return nil
	}
	c, err := o.verifier.Checkpoint(saved)
	if err != nil {
		return fmt.Errorf("trail: the trusted head is not this log's, or not signed with a key that is known: %w", err)
	}
	o.trusted = &c
	return nil
}

// settle publishes what was found, and begins a write-ahead file.
func (o *opening) settle() error {
	p, err := o.openPublisher()
	if err != nil {
		return err
	}
	o.publisher = p
	if err := o.publisher.publish(o.found.groups); err != nil {
		return fmt.Errorf("trail: publishing what was found: %w", err)
	}
	if err := o.mendCheckpoint(); err != nil {
		return fmt.Errorf("trail: publishing what was found: %w", err)
	}
	o.adopt()
	if err := o.fill(); err != nil {
		return err
	}
	if err := o.saveHead(); err != nil {
		return err
	}
	return o.openIndex()
}

// mendCheckpoint publishes the checkpoint again if the file is lost or damaged.
func (o *opening) mendCheckpoint() error {
	if o.found.note == nil {
		return nil
	}
	published, err := readFile(o.files, filepath.Join(o.config.Dir, checkpointFile), proof.MaxText)
	if err == nil {
		if c, err := o.verifier.Checkpoint(published); err == nil && c.Size == o.found.tree.size {
			return nil
		}
	}
	return o.publisher.checkpoint(o.found.note)
}

// adopt takes over what was found.
func (o *opening) adopt() {
	f := &o.found
	o.writer.tree, o.writer.turn, o.writer.header = f.tree, f.turn, f.header
	o.durable, o.note = f.tree.size, f.note
	o.published, o.publicNote = f.tree.size, f.note
	o.public = tlog.Tree{N: int64(f.tree.size), Hash: f.tree.root()}
	o.room = room{
		whole:    o.config.Room - wal.HeaderSize,
		left:     o.config.Room - wal.HeaderSize,
		other:    o.config.Room - wal.HeaderSize,
		start:    f.tree.size,
		outcomes: make(map[string]int64),
	}
	o.doubts = make(map[string]bool)
}

// fill gives both write-ahead files their size, and begins the one that is not
// in use. All that the other one has is published. In a new log, or one that has
// lost a header, it begins both: one that has none later was damaged.
func (o *opening) fill() error {
	w := &o.writer
	w.header.Base = w.header.Start // so that begin leaves the other file alone
	for begun := false; !begun || o.found.headless; begun = true {
		if begun {
			o.found.headless = false
		}
		f := &w.files[1-w.turn]
		if err := o.fillFile(f); err != nil {
			return err
		}
		h := wal.Header{Epoch: w.header.Epoch + 1, Start: o.durable, Base: o.durable, Note: o.note}
		if err := o.begin(h); err != nil {
			return err
		}
	}
	if err := o.fillFile(&w.files[1-w.turn]); err != nil {
		return err
	}
	return o.files.SyncDir(filepath.Join(o.config.Dir, privateDir))
}

// fillFile makes a file as long as it has to be, so that no write to it needs
// space on the disk any more.
func (o *opening) fillFile(w *walFile) error {
	const block = 1 << 20
	size := o.config.Room
	zeros := make([]byte, min(block, size))
	h, err := wal.ReadHeader(w.file)
	if _, later, _ := wal.Later(w.file, w.size, h); later || errors.Is(err, wal.ErrHeader) {
		w.size = 0 // groups that are left from before must not be taken for new ones
	}
	for at := w.size; at < size; at += block {
		if err := writeAll(w.file, zeros[:min(block, size-at)], at); err != nil {
			return fmt.Errorf("trail: making room in %s: %w", w.path, err)
		}
	}
	if err := errors.Join(w.file.Truncate(size), w.file.Sync()); err != nil {
		return fmt.Errorf("trail: making room in %s: %w", w.path, err)
	}
	w.size = size
	return nil
}

// saveHead brings the trusted head up to date. That of a new log is of size 0,
// so that one which is missing later was lost.
func (o *opening) saveHead() (err error) {
	head := o.config.TrustedHead
	if head == nil {
		return nil
	}
	signed := o.note
	if signed == nil {
		if o.trusted != nil {
			return nil
		}
		c := proof.Checkpoint{Origin: o.config.Origin, Root: emptyRoot}
		if signed, err = o.sign(c.String(), o.noteSize); err != nil {
			return err
		}
	}
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("trail: saving the trusted head: it panicked: %v", v)
		}
	}()
	if err := head.Save(o.ctx, append([]byte(nil), signed...)); err != nil {
		return fmt.Errorf("trail: saving the trusted head: %w", err)
	}
	return nil
}

// openIndex opens the index and adds what it does not have.
func (o *opening) openIndex() error {
	path := filepath.Join(o.config.Dir, privateDir, indexDir)
	x, err := index.Open(o.files, path, o.rootAt)
	if err != nil {
		return fmt.Errorf("trail: opening the index: %w", err)
	}
	o.index = x
	o.opened = true
	defer func() { o.opened = false }()
	for e, err := range o.Records(o.ctx, Query{From: x.Covered()}) {
		if err != nil {
			return err
		}
		x.Add(e.Index, index.Prepare(keysOf(&e.Record)))
		if x.Pending() >= indexAt {
			if err := x.Flush(e.Index + 1); err != nil {
				return fmt.Errorf("trail: writing the index: %w", err)
			}
		}
	}
	return nil
}

// rootAt returns the root of the tree of a size that is published.
func (l *Log) rootAt(size uint64) (tlog.Hash, error) {
	tree, _ := l.newestPublic()
	if size > uint64(tree.N) {
		return tlog.Hash{}, fmt.Errorf("trail: the log has %d entries, not %d", tree.N, size)
	}
	return tlog.TreeHash(int64(size), l.publisher.hashes)
}

// start returns the log ready for use.
func (o *opening) start() *Log {
	l := o.Log
	l.wake, l.kick, l.gathered = make(chan struct{}, 1), make(chan struct{}, 1), make(chan struct{}, 1)
	l.closing, l.publishing = make(chan struct{}), make(chan struct{}, 1)
	l.advanced, l.attempted = make(chan struct{}), make(chan struct{})
	l.opened = true
	l.accepting.Store(true)
	l.ended.Add(2)
	go l.commitGroups()
	go l.publishGroups()
	return l
}

// release closes everything that is open.
func (l *Log) release() error {
	var errs []error
	if l.index != nil {
		errs = append(errs, l.index.Close())
	}
	if h := l.publisher.hashes; h != nil {
		errs = append(errs, h.file.Close())
	}
	if h := l.publisher.history; h != nil {
		errs = append(errs, h.file.Close())
	}
	for i := range l.writer.files {
		if f := l.writer.files[i].file; f != nil {
			errs = append(errs, f.Unlock(), f.Close())
		}
	}
	return errors.Join(errs...)
}

// end publishes what is left and releases the directory.
func (l *Log) end() error {
	var errs []error
	l.mu.Lock()
	close(l.attempted) // who waits for room is told that there is none
	l.attempted = make(chan struct{})
	l.mu.Unlock()
	if l.failure == nil {
		errs = append(errs, l.settleAll())
	}
	if h, ok := l.config.TrustedHead.(*headFile); ok && h != nil {
		errs = append(errs, h.sync())
	}
	return errors.Join(append(errs, l.release())...)
}

// settleAll leaves nothing for the next opening to do.
func (l *Log) settleAll() error {
	if err := l.publishNow(context.Background()); err != nil && l.unsettled() {
		return err
	}
	var flushed error
	if err := l.index.Flush(l.durable); err != nil {
		flushed = fmt.Errorf("trail: writing the index: %w", err)
	}
	return errors.Join(flushed, l.begin(wal.Header{Epoch: l.writer.header.Epoch + 1, Start: l.durable, Base: l.durable, Note: l.note}))
}
