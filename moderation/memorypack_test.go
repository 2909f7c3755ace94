package moderation

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// pkFull is a ticket with every field set but that of a batch, whose ticket is
// never packed.
func pkFull(text string) Ticket {
	t := fcFull(text)
	t.Batch = nil
	return t
}

// pkKept is a ticket as a store has it that has packed it.
func pkKept(t testing.TB, s *MemoryStore, ticket Ticket) *kept {
	t.Helper()
	ticket.Status = StatusExecuted
	k := s.keep(ticket.ID, &ticket)
	if k.whole != nil {
		t.Fatal("an executed ticket is not packed")
	}
	return k
}

const pkForgotten = "is there a field of Ticket that pack and unpack do not know (memorypack.go, memoryunpack.go)?"

// Whoever adds a field to Ticket, or to what a ticket is made of, finds here
// that it is to be packed.
func TestPackedTicketHasEveryField(t *testing.T) {
	t.Parallel()
	s := newMemoryStore(ssNothing{})
	want := pkFull("value ")
	want.Status = StatusExecuted
	if d := cmp.Diff(want, *pkKept(t, s, want).ticket()); d != "" {
		t.Errorf("ticket (-kept +told): %s\n%s", pkForgotten, d)
	}
	full := reflect.ValueOf(want)
	for i := range full.NumField() {
		field := full.Type().Field(i)
		if full.Field(i).IsZero() && field.Name != "Batch" {
			t.Errorf("%s is not set by the test", field.Name)
		}
		var alone Ticket
		reflect.ValueOf(&alone).Elem().Field(i).Set(full.Field(i))
		alone.Status = StatusExecuted
		if d := cmp.Diff(alone, *pkKept(t, s, alone).ticket()); d != "" {
			t.Errorf("only %s is set (-kept +told): %s\n%s", field.Name, pkForgotten, d)
		}
	}
}

func TestPackedTicketIsAsReplayWouldHaveIt(t *testing.T) {
	t.Parallel()
	shapes := pkFull("x")
	shapes.Open = []Slot{nil, {}, {""}, {"a", "b"}}
	shapes.Requirement.Quorum.Slots = []Slot{{}, nil}
	shapes.Rules = []Rule{{}}
	shapes.Reviews = []Review{{}}
	shapes.Barred = []string{""}
	shapes.Action.Parameters = map[string]string{"": ""}
	times := pkFull("x")
	times.Requested = time.Now() // has a steady part, and is in a zone
	times.Approved = times.Requested.Add(-time.Nanosecond).In(time.FixedZone("east", 3600))
	times.Due = time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC)
	times.Deadline = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	times.Executed = time.Unix(0, 0)
	times.Until = time.Time{}.Add(time.Nanosecond)
	same := pkFull("x")
	same.Attempt, same.Action.Target = same.ID, same.Subject.ID
	long := pkFull(strings.Repeat("long ", MaxName))
	numbers := pkFull("x")
	numbers.Revision, numbers.Fence, numbers.Subject.Reach, numbers.Action.Duration = 1<<63, 1<<64-1, -1<<63, Permanent
	for name, ticket := range map[string]Ticket{
		"nothing set":        {Revision: 1},
		"empty, not nil":     {Extra: []Slot{}, Barred: []string{}, Rules: []Rule{}, Reviews: []Review{}, Action: Action{Parameters: map[string]string{}}},
		"everything set":     pkFull("value "),
		"odd shapes":         shapes,
		"odd times":          times,
		"the same text":      same,
		"long names":         long,
		"numbers at the end": numbers,
		"beyond the plane":   pkFull("\U0001F600é\ufffd\x00"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ticket.ID, ticket.Status, ticket.Revision = "t", StatusExecuted, max(1, ticket.Revision)
			want, err := fcDecode(encodeState([]Ticket{ticket}), ticket)
			if err != nil {
				t.Fatal(err)
			}
			k := pkKept(t, newMemoryStore(ssNothing{}), ticket)
			if d := cmp.Diff(want[0], *k.ticket()); d != "" {
				t.Errorf("ticket (-replayed +packed):\n%s", d)
			}
			if d := cmp.Diff(want[0], *k.ticket(), cmp.Comparer(func(a, b time.Time) bool { return a == b })); d != "" {
				t.Errorf("times in another form (-replayed +packed):\n%s", d)
			}
			if revision, status := k.head(); revision != ticket.Revision || status != ticket.Status {
				t.Errorf("its head tells of revision %d, %s", revision, status)
			}
		})
	}
}

// pkRandom sets any of what reflection reaches to any value that a record can
// keep, and leaves the rest as it is.
func pkRandom(r *rand.Rand, v reflect.Value) {
	if v.Kind() != reflect.Struct && r.IntN(3) == 0 {
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(strings.Repeat(string(rune('a'+r.IntN(26))), r.IntN(4)*r.IntN(100)))
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(r.Uint64()) >> r.IntN(64))
	case reflect.Uint8, reflect.Uint64:
		v.SetUint(r.Uint64() >> (64 - v.Type().Bits() + r.IntN(v.Type().Bits())))
	case reflect.Array:
		for i := range v.Len() {
			pkRandom(r, v.Index(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1+r.IntN(3), 3))
		for i := range v.Len() {
			pkRandom(r, v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 1 + r.IntN(3) {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			pkRandom(r, key)
			pkRandom(r, value)
			v.SetMapIndex(key, value)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			if r.IntN(3) > 0 {
				v.Set(reflect.ValueOf(time.Unix(r.Int64N(300e9)-60e9, r.Int64N(1e9)).UTC()))
			}
			return
		}
		for i := range v.NumField() {
			pkRandom(r, v.Field(i))
		}
	case reflect.Pointer: // the ticket of a batch is never packed
	default:
		panic("a ticket has a field of kind " + v.Kind().String())
	}
}

func TestPackedTicketIsGivenBackWhateverIsInIt(t *testing.T) {
	t.Parallel()
	s := newMemoryStore(ssNothing{})
	r := rand.New(rand.NewPCG(12, 13))
	for range 2000 {
		var want Ticket
		pkRandom(r, reflect.ValueOf(&want).Elem())
		want.Status = StatusExecuted
		if got := *pkKept(t, s, want).ticket(); !reflect.DeepEqual(want, got) {
			t.Fatalf("ticket (-kept +told):\n%s", cmp.Diff(want, got))
		}
	}
}

// FuzzPack packs any texts and numbers.
func FuzzPack(f *testing.F) {
	f.Add("", int64(0), uint64(0))
	f.Add("mod", int64(-1), uint64(1<<63))
	f.Add(strings.Repeat("x", MaxName), int64(1<<62), uint64(127))
	f.Fuzz(func(t *testing.T, text string, n int64, u uint64) {
		s := newMemoryStore(ssNothing{})
		want := pkFull(text)
		want.Note, want.UndoToken, want.Action.Reason, want.Attempt, want.Action.Target = text, UndoToken(text), text, text, text
		want.Action.Parameters = map[string]string{text: text, "": text, text + "x": ""}
		want.Action.Duration, want.Subject.Reach, want.Fence, want.Revision = time.Duration(n), n, u, u
		want.Executed, want.Requested, want.Until = time.Unix(n, 0).UTC(), time.Unix(0, n).UTC(), time.Unix(n, int64(u%1e9)).UTC()
		want.Status = StatusExecuted
		for range 2 { // the second time every word is known
			if d := cmp.Diff(want, *pkKept(t, s, want).ticket()); d != "" {
				t.Errorf("ticket (-kept +told):\n%s", d)
			}
		}
	})
}

// FuzzUnpack reads what nobody packed: it gives a ticket that can be packed, or
// panics, and neither hangs nor takes memory without end.
func FuzzUnpack(f *testing.F) {
	known := newMemoryStore(ssNothing{})
	for _, ticket := range []Ticket{{}, pkFull("value "), pkFull("")} {
		f.Add([]byte(pkKept(f, known, ticket).packed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s := newMemoryStore(ssNothing{})
		pkKept(t, s, pkFull("value "))
		var got Ticket
		if !pkReads(func() { s.words.unpack(string(text), &got) }) {
			return
		}
		var again Ticket
		s.words.unpack(s.words.pack(&got), &again)
		if d := cmp.Diff(got, again); d != "" {
			t.Errorf("ticket (-read +packed and read):\n%s", d)
		}
		k := &kept{packed: string(text), words: s.words}
		if revision, status := k.head(); revision != got.Revision || status != got.Status || k.target() != got.Subject.ID || !cmp.Equal(k.subject(), got.Subject) {
			t.Errorf("what begins it tells of revision %d, %s, of %v", revision, status, k.subject())
		}
	})
}

// pkReads reports whether read comes back.
func pkReads(read func()) (ok bool) {
	defer func() { ok = recover() == nil }()
	read()
	return true
}
