package moderation

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Batch is what a mandate says of its members, and how far they have come. A
// mandate is the ticket of a batch: it is asked for, approved and held like any
// other, and once it is begun its status is executed. It restricts nobody
// itself: each member has a ticket of its own under it, with Ticket.Mandate.
type Batch struct {
	// Root, Count and Reach pin the members: the root of their [MemberSet], how
	// many, and how many people in all when it was asked for. For the undo of a
	// batch Count and Reach are of the members that stood then.
	Root  Digest `json:"root"`
	Count int    `json:"count"`
	Reach int64  `json:"reach,omitempty"`
	// Stages are how the members have their turn; at least one.
	Stages []Stage `json:"stages,omitempty"`
	// Tolerance is how much may go wrong before the guard halts it.
	Tolerance Tolerance `json:"tolerance,omitzero"`
	// Asked are the members by tier and domain as they were when it was asked
	// for; Begun those of the moment at which it was begun.
	Asked []BatchClass `json:"asked,omitempty"`
	Begun []BatchClass `json:"begun,omitempty"`
	// Whose are those who may not halt, cancel, approve or resume the batch: the
	// owners of members, who has declared a conflict of interest with one, and the
	// members themselves. Each is four bytes of a hash, sorted, of the moment at which
	// it was asked for and then of that at which it was begun. It is empty where they
	// are more than 1,024; then nobody but the requester and those who approved halts
	// or resumes it in a process that has not looked at the members. One
	// that begins or runs the batch has, and StartBatch makes any other do so.
	Whose []byte `json:"whose,omitempty"`

	// Stage is how many of the stages were begun, and StageBegun when the last
	// of them was.
	Stage      int       `json:"stage,omitempty"`
	StageBegun time.Time `json:"stageBegun,omitzero"`
	// Halted is since when no further member is executed; zero while it goes on.
	// HaltedBy is the person who halted it, empty where the guard did; HaltCode
	// and HaltNote say why.
	Halted   time.Time `json:"halted,omitzero"`
	HaltedBy string    `json:"haltedBy,omitempty"`
	HaltCode Code      `json:"haltCode,omitempty"`
	HaltNote string    `json:"haltNote,omitempty"`
	// Excepted are members that became protected. Whoever resumed the batch has
	// seen them; they are refused and halt it no more.
	Excepted []string `json:"excepted,omitempty"`
	// Forgiven is what had gone wrong when it was last resumed.
	Forgiven Wrongs `json:"forgiven,omitzero"`
}

// BatchClass is the members of one tier in one domain.
type BatchClass struct {
	Tier   string `json:"tier"`            // the highest that counts
	Domain string `json:"domain"`          // as the directory named it
	Count  int    `json:"count"`           // how many members
	Reach  int64  `json:"reach,omitempty"` // how many people with them
}

// Stage is a part of a batch: the members up to a number, and for how long the
// next stage can't begin.
type Stage struct {
	// Members is how many members have had their turn at the end of the stage,
	// those of the stages before included; that of the last is all.
	Members int `json:"members"`
	// Soak is the least time from the beginning of this stage to that of the
	// next. Zero for the last.
	Soak time.Duration `json:"soak,omitempty"`
}

// Tolerance is how much may go wrong in a batch before the guard halts it by
// itself. The zero Tolerance tolerates nothing: the first failure halts, and the
// first undo by a person.
type Tolerance struct {
	// Failures is how many members may fail, or come out unknown.
	Failures int `json:"failures,omitempty"`
	// FailurePercent is which part of those that had their turn may; where it
	// comes to more than Failures, it counts instead.
	FailurePercent int `json:"failurePercent,omitempty"`
	// UndoPercent is which part of the members that were done may be undone by
	// people, one by one.
	UndoPercent int `json:"undoPercent,omitempty"`
}

// Wrongs counts what went wrong with members.
type Wrongs struct {
	Failures int `json:"failures,omitempty"` // failed or unknown
	Undos    int `json:"undos,omitempty"`    // undone by people, one by one
}

// Bounds of what a mandate carries.
const (
	MaxStages   = 32  // of one batch
	MaxClasses  = 256 // tiers and domains of one batch
	maxExcepted = 100 // members that became protected
	maxBarred   = 256 // persons whom a batch bars
)

// batchPrefix begins the canonical ID of a set of members, and what stands for
// the names that were given as an action's target.
const batchPrefix = reservedPrefix + "batch:"

// batchTarget is the canonical ID of a set.
func batchTarget(root Digest) string { return batchPrefix + root.String() }

// ownTarget reports whether an ID is one of the library's own, which no
// directory gives.
func ownTarget(id string) bool {
	return id == FreezeTarget || id == PolicyTarget || strings.HasPrefix(id, batchPrefix)
}

// memberTicket is the ID of the ticket of one member: the same for whoever asks,
// so that nobody can have two. It has another one only after a ticket that came to
// nothing.
func memberTicket(mandate, member string, try int) string {
	b := appendText(appendText([]byte(memberTag), mandate), member)
	b = binary.BigEndian.AppendUint64(b, uint64(try))
	sum := Digest(leafOf(string(b)))
	return "m" + hex.EncodeToString(sum[:16])
}

// clone returns a copy that shares nothing with b.
func (b *Batch) clone() *Batch {
	if b == nil {
		return nil
	}
	c := *b
	c.Stages, c.Asked, c.Begun = slices.Clone(b.Stages), slices.Clone(b.Asked), slices.Clone(b.Begun)
	c.Excepted, c.Whose = slices.Clone(b.Excepted), slices.Clone(b.Whose)
	return &c
}

// classes are the tiers and domains that count now.
func (b *Batch) classes() []BatchClass {
	if len(b.Begun) > 0 {
		return b.Begun
	}
	return b.Asked
}

// open returns how many members may have had their turn.
func (b *Batch) open() int {
	if b.Stage < 1 || b.Stage > len(b.Stages) {
		return 0
	}
	return b.Stages[b.Stage-1].Members
}

// appendTerms appends to a digest what is approved besides the action.
func (b *Batch) appendTerms(to []byte) []byte {
	const tag = "interlock/batch/v1"
	to = append(appendText(to, tag), b.Root[:]...)
	numbers := []int{b.Count, int(b.Reach), b.Tolerance.Failures, b.Tolerance.FailurePercent, b.Tolerance.UndoPercent, len(b.Stages)}
	for _, s := range b.Stages {
		numbers = append(numbers, s.Members, int(s.Soak))
	}
	for _, n := range numbers {
		to = binary.BigEndian.AppendUint64(to, uint64(n))
	}
	return to
}

// checkStages refuses stages that are not in order or do not end with all.
func checkStages(stages []Stage, count int) error {
	if len(stages) > MaxStages {
		return invalid("BatchRequest.Stages", fmt.Sprintf("has %d; at most %d are allowed", len(stages), MaxStages))
	}
	for i, s := range stages {
		before, last := 0, i+1 == len(stages)
		if i > 0 {
			before = stages[i-1].Members
		}
		switch {
		case s.Members <= before || s.Members > count || last && s.Members != count:
			return invalid("BatchRequest.Stages", fmt.Sprintf("goes from %d members to %d; each stage has more than the one before, and the last all %d", before, s.Members, count))
		case s.Soak < 0 || last && s.Soak != 0:
			return invalid("BatchRequest.Stages", fmt.Sprintf("has a soak time of %v; it can't be negative, and the last stage has none", s.Soak))
		}
	}
	return nil
}

func (t Tolerance) check() error {
	for _, percent := range []int{t.FailurePercent, t.UndoPercent} {
		if percent < 0 || percent > 100 {
			return invalid("BatchRequest.Tolerance", fmt.Sprintf("has %d percent; 0 to 100 are possible", percent))
		}
	}
	if t.Failures < 0 {
		return invalid("BatchRequest.Tolerance", fmt.Sprintf("has %d failures; it can't be negative", t.Failures))
	}
	return nil
}

// exceeded says what is beyond tolerance, or nothing.
func (b *Batch) exceeded(w Wrongs, done int) string {
	failures, undos := w.Failures-b.Forgiven.Failures, w.Undos-b.Forgiven.Undos
	switch {
	case failures > max(b.Tolerance.Failures, b.Tolerance.FailurePercent*done/100):
		return fmt.Sprintf("%d of %d members failed or are unknown, more than is tolerated.", w.Failures, done)
	case undos > 0 && undos*100 > b.Tolerance.UndoPercent*done:
		return fmt.Sprintf("%d of %d members were undone by people, more than is tolerated.", w.Undos, done)
	}
	return ""
}
