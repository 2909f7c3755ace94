package moderation

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fcDigestTicket is the ticket from which the tables differ in one thing.
func fcDigestTicket() Ticket {
	return Ticket{
		ID: "ticket-1", Step: StepRequest, Tier: "standard",
		Requester: Party{Login: "mod", Person: "p-mod", Type: Human},
		Subject:   Subject{ID: "acct-1", Tier: "standard", Domain: "en"},
		Action: Action{
			Kind: Suspend, Actor: "mod", Target: "@one", Reason: "spam", Case: "case-1",
			Parameters: map[string]string{"scope": "posts", "note": "twice"}, Duration: time.Hour, Key: "k",
		},
	}
}

// fcSeparate are changes after none of which a digest may be what it was, or
// what it is after another one. Many shift a boundary between fields.
func fcSeparate() map[string]func(*Ticket) {
	parameters := func(pairs ...string) func(*Ticket) {
		return func(t *Ticket) {
			t.Action.Parameters = make(map[string]string)
			for i := 0; i < len(pairs); i += 2 {
				t.Action.Parameters[pairs[i]] = pairs[i+1]
			}
		}
	}
	return map[string]func(*Ticket){
		"unchanged":                        func(*Ticket) {},
		"another ticket":                   func(t *Ticket) { t.ID = "ticket-2" },
		"no ticket":                        func(t *Ticket) { t.ID = "" },
		"ticket runs into the login":       func(t *Ticket) { t.ID, t.Requester.Login = "ticket-1m", "od" },
		"another login of the person":      func(t *Ticket) { t.Requester.Login = "mod-alt" },
		"another person of the login":      func(t *Ticket) { t.Requester.Person = "p-mod2" },
		"login and person change places":   func(t *Ticket) { t.Requester.Login, t.Requester.Person = "p-mod", "mod" },
		"login runs into the person":       func(t *Ticket) { t.Requester.Login, t.Requester.Person = "modp", "-mod" },
		"all of it is the login":           func(t *Ticket) { t.Requester.Login, t.Requester.Person = "modp-mod", "" },
		"another step":                     func(t *Ticket) { t.Step = StepUndo },
		"another kind":                     func(t *Ticket) { t.Action.Kind = Limit },
		"another target":                   func(t *Ticket) { t.Subject.ID = "acct-2" },
		"target runs into the tier":        func(t *Ticket) { t.Subject.ID, t.Tier = "acct-1s", "tandard" },
		"another tier":                     func(t *Ticket) { t.Tier = "protected" },
		"no tier":                          func(t *Ticket) { t.Tier = "" },
		"another duration":                 func(t *Ticket) { t.Action.Duration++ },
		"no duration":                      func(t *Ticket) { t.Action.Duration = 0 },
		"for ever":                         func(t *Ticket) { t.Action.Duration = Permanent },
		"another reason":                   func(t *Ticket) { t.Action.Reason = "Spam" },
		"reason runs into the case":        func(t *Ticket) { t.Action.Reason, t.Action.Case = "spamcase-1", "" },
		"case runs into the reason":        func(t *Ticket) { t.Action.Reason, t.Action.Case = "", "spamcase-1" },
		"another case":                     func(t *Ticket) { t.Action.Case = "case-2" },
		"takes a ticket back":              func(t *Ticket) { t.Undoes = "ticket-0" },
		"takes a ticket back anyway":       func(t *Ticket) { t.Undoes, t.Anyway = "ticket-0", true },
		"no parameters":                    func(t *Ticket) { t.Action.Parameters = nil },
		"a parameter less":                 parameters("scope", "posts"),
		"another value":                    parameters("scope", "posts", "note", "once"),
		"another name":                     parameters("scope", "posts", "notes", "twice"),
		"name runs into its value":         parameters("scopep", "osts", "note", "twice"),
		"values change places":             parameters("scope", "twice", "note", "posts"),
		"names and values change places":   parameters("posts", "scope", "twice", "note"),
		"two parameters in one":            parameters("note", "twicescopeposts"),
		"a parameter without a value":      parameters("scope", "posts", "note", "twice", "x", ""),
		"another parameter without value":  parameters("scope", "posts", "note", "twice", "y", ""),
		"a value with a NUL":               parameters("scope", "posts\x00note", "note", "twice"),
		"the lengths as text":              parameters("scope", "posts", "note", "twice\x00\x00\x00\x00\x00\x00\x00\x05"),
		"the undone ticket as a parameter": parameters("scope", "posts", "note", "twice", "ticket-0", ""),
	}
}

func TestDigestTellsActionsApart(t *testing.T) {
	t.Parallel()
	seen := make(map[Digest]string)
	for name, change := range fcSeparate() {
		ticket := fcDigestTicket()
		change(&ticket)
		d := ticket.digest()
		if other, ok := seen[d]; ok {
			t.Errorf("%q and %q have one digest", name, other)
		}
		if d.IsZero() {
			t.Errorf("%q has the zero digest", name)
		}
		seen[d] = name
	}
}

func TestDigestLeavesOutWhatIsNotApproved(t *testing.T) {
	t.Parallel()
	want := fcDigestTicket().digest()
	for name, change := range map[string]func(*Ticket){
		"how far it is":                func(t *Ticket) { t.Revision, t.Status = 7, StatusExecuting },
		"who approved it":              func(t *Ticket) { t.Reviews = []Review{{Login: "lead"}} },
		"the handle":                   func(t *Ticket) { t.Action.Target = "@other" },
		"the key":                      func(t *Ticket) { t.Action.Key = "other" },
		"the tier that was seen since": func(t *Ticket) { t.Subject.Tier = "protected" },
		"a copy of the parameters":     func(t *Ticket) { t.Action.Parameters = maps.Clone(t.Action.Parameters) },
	} {
		ticket := fcDigestTicket()
		change(&ticket)
		if ticket.digest() != want {
			t.Errorf("%s changes the digest", name)
		}
	}
	none, empty := fcDigestTicket(), fcDigestTicket()
	none.Action.Parameters, empty.Action.Parameters = nil, map[string]string{}
	if none.digest() != empty.digest() {
		t.Error("no parameters and empty parameters have different digests, though a record keeps them alike")
	}
}

func TestIdempotencyTellsClaimsApart(t *testing.T) {
	t.Parallel()
	seen := make(map[Digest]string)
	add := func(name string, d Digest) {
		if other, ok := seen[d]; ok {
			t.Errorf("%q and %q have one idempotency digest", name, other)
		}
		seen[d] = name
	}
	a := fcDigestTicket().Action
	add("unchanged", a.idempotency(StepRequest, ""))
	add("another step", a.idempotency(StepFreeze, ""))
	add("another undone ticket", a.idempotency(StepRequest, "ticket-0"))
	for name, change := range map[string]func(*Action){
		"another actor":               func(a *Action) { a.Actor = "mod2" },
		"another kind":                func(a *Action) { a.Kind = Limit },
		"another target":              func(a *Action) { a.Target = "@two" },
		"target runs into the tier":   func(a *Action) { a.Target, a.Tier = "@on", "e" },
		"another tier":                func(a *Action) { a.Tier = "standard" },
		"another duration":            func(a *Action) { a.Duration = 0 },
		"another reason":              func(a *Action) { a.Reason = "ham" },
		"reason runs into the case":   func(a *Action) { a.Reason, a.Case = "spamc", "ase-1" },
		"another case":                func(a *Action) { a.Case = "" },
		"another parameter":           func(a *Action) { a.Parameters = map[string]string{"scope": "posts"} },
		"names run into their values": func(a *Action) { a.Parameters = map[string]string{"scopep": "osts", "note": "twice"} },
	} {
		b := a
		change(&b)
		add(name, b.idempotency(StepRequest, ""))
	}
	b := a
	b.Key = "other"
	if b.idempotency(StepRequest, "") != a.idempotency(StepRequest, "") {
		t.Error("the key is part of what it is looked up by, not of what it stands for")
	}
}

// The two digests must not agree even where all their fields do.
func TestDigestsOfDifferentPurposeNeverAgree(t *testing.T) {
	t.Parallel()
	var empty Ticket
	if empty.digest() == empty.Action.idempotency("", "") {
		t.Error("the digest and the idempotency digest of nothing agree")
	}
	// Fields chosen so that the encodings are alike but for the tags.
	a := Action{Actor: "x", Kind: "x", Target: "x", Tier: "x"}
	alike := Ticket{ID: "x", Requester: Party{Login: "x", Person: "x"}, Step: "x", Action: a, Subject: Subject{ID: "x"}, Tier: "x"}
	if alike.digest() == a.idempotency("x", "x") {
		t.Error("a digest and an idempotency digest agree")
	}
	if strings.HasPrefix(digestTag, idempotencyTag) || strings.HasPrefix(idempotencyTag, digestTag) {
		t.Error("one tag begins with the other")
	}
}

// Approvals, records and keys hold these values: a change of the encoding must
// be a new version of its tag, never the same tag with other values.
func TestDigestFormatIsAPromise(t *testing.T) {
	t.Parallel()
	full := fcDigestTicket()
	undo := Ticket{ID: "ticket-2", Step: StepUndo, Undoes: "ticket-1", Tier: "protected", Requester: Party{Login: "lead", Person: "p-lead"},
		Subject: Subject{ID: "vip-1"}, Action: Action{Kind: Suspend, Actor: "lead", Reason: "wrong", Key: "u"}}
	for _, g := range []struct {
		name string
		got  Digest
		want string
	}{
		{"the zero ticket", Ticket{}.digest(), "e757d4eca0e9e84be4b02786bb648e08a793c86b4155906ad4487e19f7c247bc"},
		{"an action with everything", full.digest(), "04a3abb4d7c5e33b919846cc61a98e50c945e09f38ca3c38f43a30b2b74767c5"},
		{"an undo", undo.digest(), "c96327d37252d942b7330322fd6dc6e5b7757724afc1bf82e0a22ac82fe6e123"},
		{"the zero action", Action{}.idempotency("", ""), "d38ccbadb04891bf9e03e5cbecc966d863737afd73d030af664c08d00823d787"},
		{"a claim with everything", full.Action.idempotency(StepRequest, ""), "4859b8242f51df9299dac1d36731acaa5fbaf9df80351b6e42c4507c0ed61e69"},
		{"the claim of an undo", undo.Action.idempotency(StepUndo, "ticket-1"), "432f7a37bf204011ac7939e5876edc3b2693e7d76e26bfedbb71fe9518ce3536"},
	} {
		if g.got.String() != g.want {
			t.Errorf("%s: digest %s, want %s", g.name, g.got, g.want)
		}
	}
}

// FuzzDigest compares two actions: their digests agree if and only if they are
// alike. The terms that make is not given are held by TestDigestTellsActionsApart.
func FuzzDigest(f *testing.F) {
	f.Add("id", "login", "person", "a", "b", "reason", "case", int64(1), "id", "login", "person", "ab", "", "reason", "case", int64(1))
	f.Add("", "", "", "", "", "", "", int64(0), "", "", "", "", "", "", "", int64(0))
	f.Add("x", "yz", "", "", "", "", "", int64(0), "xy", "z", "", "", "", "", "", int64(0))
	f.Fuzz(func(t *testing.T, id1, login1, person1, name1, value1, reason1, case1 string, d1 int64, id2, login2, person2, name2, value2, reason2, case2 string, d2 int64) {
		make := func(id, login, person, name, value, reason, caseID string, d int64) Ticket {
			ticket := Ticket{ID: id, Requester: Party{Login: login, Person: person}, Action: Action{Actor: login, Target: id, Reason: reason, Case: caseID, Duration: time.Duration(d)}}
			if name != "" {
				ticket.Action.Parameters = map[string]string{name: value, value: name}
			}
			return ticket
		}
		a := make(id1, login1, person1, name1, value1, reason1, case1, d1)
		b := make(id2, login2, person2, name2, value2, reason2, case2, d2)
		if alike, same := cmp.Equal(a, b), a.digest() == b.digest(); alike != same {
			t.Errorf("alike %t, the same digest %t:\n%s", alike, same, cmp.Diff(a, b))
		}
		a.Requester.Person, b.Requester.Person = "", ""
		if alike, same := cmp.Equal(a, b), a.Action.idempotency("", "") == b.Action.idempotency("", ""); alike != same {
			t.Errorf("alike %t, the same idempotency digest %t:\n%s", alike, same, cmp.Diff(a, b))
		}
	})
}

func TestDigestSurvivesJSON(t *testing.T) {
	t.Parallel()
	type carrier struct{ D Digest }
	want := carrier{fcDigestTicket().digest()}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != fmt.Sprintf(`{"D":%q}`, want.D.String()) {
		t.Errorf("marshalled as %s", text)
	}
	var got carrier
	if err := json.Unmarshal(text, &got); err != nil || got != want {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	parsed, err := ParseDigest(want.D.String())
	if err != nil || parsed != want.D {
		t.Errorf("ParseDigest: %v, %v", parsed, err)
	}
}

func TestDigestRefusesWhatIsNone(t *testing.T) {
	t.Parallel()
	good := strings.Repeat("ab", 32)
	for name, text := range map[string]string{
		"nothing": "", "half": good[:32], "a digit less": good[:63], "a digit more": good + "a", "a byte more": good + "ab",
		"another letter": good[:63] + "g", "a blank": " " + good[1:], "a prefix": "0x" + good[2:], "not UTF-8": good[:63] + "\xff",
	} {
		d, err := ParseDigest(text)
		if err == nil {
			t.Errorf("%s: got %v, want an error", name, d)
		}
		if !d.IsZero() {
			t.Errorf("%s: got digest %v together with error %v", name, d, err)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "moderation: ") {
			t.Errorf("%s: error %q has no prefix", name, err)
		}
	}
	if d, err := ParseDigest(good); err != nil || d.String() != good {
		t.Errorf("a good one: %v, %v", d, err)
	}
	if !(Digest{}).IsZero() {
		t.Error("the zero digest is not zero")
	}
	var d Digest
	if err := json.Unmarshal([]byte(`7`), &d); err == nil {
		t.Error("a number was taken for a digest")
	}
}
