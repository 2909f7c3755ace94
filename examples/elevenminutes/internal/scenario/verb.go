package scenario

import "fmt"

// Verb is what a line of the timeline does.
type Verb string

// The verbs of actors. Each is a method of moderation.Guard.
const (
	Do       Verb = "do"
	Explain  Verb = "explain"
	Approve  Verb = "approve"
	Reject   Verb = "reject"
	Cancel   Verb = "cancel"
	Undo     Verb = "undo"
	Freeze   Verb = "freeze"
	Unfreeze Verb = "unfreeze"
	Resolve  Verb = "resolve"
	Revoke   Verb = "revoke"
	Ticket   Verb = "ticket"
	Tickets  Verb = "tickets"
)

// The verbs of the host: what happens without an actor.
const (
	Advance   Verb = "advance"   // looks at a ticket, as a scheduler does
	Handler   Verb = "handler"   // lets the host's own code go wrong, or right again
	Person    Verb = "person"    // changes what the directory knows of a login
	Accounts  Verb = "account"   // changes what the directory knows of an account
	Policy    Verb = "policy"    // loads another policy
	Trail     Verb = "trail"     // lets the audit trail go wrong, or right again
	Directory Verb = "directory" // lets the directory go wrong, or right again
	Restart   Verb = "restart"   // stops the guard and starts it from its trail
)

// The verbs of lines that only look.
const (
	ExpectAccount Verb = "expect account"
	ExpectTicket  Verb = "expect ticket"
)

// operand is a word that a verb needs, in its place.
type operand string

const (
	newTicket operand = "NAME"    // a name for the ticket that is made
	ticket    operand = "TICKET"  // the name of a ticket
	kind      operand = "KIND"    // a kind of action
	target    operand = "ACCOUNT" // a handle or ID
	person    operand = "PERSON"  // the human, not the login
	login     operand = "LOGIN"
	found     operand = "applied|not_applied"
	behaviour operand = "BEHAVIOUR"
	works     operand = "fails|works"
	file      operand = "FILE"
	upOrDown  operand = "up|down"
	status    operand = "STATUS"
)

// reasons tells whether a line has a reason in quotes.
type reasons int

const (
	noReason reasons = iota
	mayReason
	mustReason
)

// form is how a verb is written.
type form struct {
	verb     Verb
	operands []operand
	fields   []string // key=value, in any order
	flags    []string // bare words
	reason   reasons
	help     string
}

// forms of the verbs of actors, of the host, and of lines that only look.
var (
	actorForms = []form{
		{Do, []operand{newTicket, kind, target}, []string{"for", "tier", "case", "key", "param"}, nil, mustReason, "ask for an action; do NAME alone asks again"},
		{Explain, []operand{kind, target}, []string{"for", "tier", "case", "param"}, nil, mustReason, "ask what would come of it, without effect"},
		{Approve, []operand{ticket}, []string{"shown"}, nil, mayReason, "shown=TICKET: the reviewer was shown another one"},
		{Reject, []operand{ticket}, []string{"shown"}, nil, mustReason, ""},
		{Cancel, []operand{ticket}, nil, nil, mustReason, ""},
		{Undo, []operand{ticket}, []string{"as", "case", "key"}, nil, mustReason, "as=NAME names its own ticket; else it is undo-TICKET"},
		{Freeze, []operand{newTicket}, []string{"for", "actor", "kind", "tier", "domain", "case", "key"}, []string{"all"}, mustReason, "stop restrictions that match all fields, or all in so many words"},
		{Unfreeze, []operand{ticket}, []string{"as", "case", "key"}, nil, mustReason, "end a freeze early"},
		{Resolve, []operand{ticket, found}, nil, nil, mustReason, "settle an unknown outcome"},
		{Revoke, []operand{person}, nil, nil, mustReason, "void what a person asked for and approved"},
		{Ticket, []operand{ticket}, nil, nil, noReason, "read a ticket"},
		{Tickets, nil, []string{"status", "person", "account", "kind", "limit"}, nil, noReason, "list tickets"},
	}
	hostForms = []form{
		{Advance, []operand{ticket}, nil, nil, noReason, "look at a ticket now; what is due is looked at by itself"},
		{Handler, []operand{kind, behaviour}, []string{"call", "times"}, nil, noReason, "BEHAVIOUR: works, not-applied, fails, loses-answer, hangs, panics"},
		{Person, []operand{login}, []string{"person", "type", "status", "last_day", "labels", "owners"}, []string{"removed"}, noReason, "change columns of people.csv"},
		{Accounts, []operand{target}, []string{"handles", "tier", "domain", "reach", "owners", "conflicts"}, nil, noReason, "change columns of accounts.csv"},
		{Policy, []operand{file}, nil, nil, noReason, "load another policy of the folder"},
		{Trail, []operand{works}, nil, nil, noReason, "the audit trail can't be written, or can again"},
		{Directory, []operand{works}, nil, nil, noReason, "the directory does not answer, or does again"},
		{Restart, nil, nil, nil, noReason, "stop the guard and rebuild it from its trail"},
	}
	expectForms = []form{
		{ExpectAccount, []operand{target, upOrDown}, []string{"downtime"}, nil, noReason, "downtime=11m: how long it was down in all"},
		{ExpectTicket, []operand{ticket, status}, nil, nil, noReason, ""},
	}
)

// Behaviour is what a handler of the host does when it is called.
type Behaviour string

// The behaviours of a handler.
const (
	Works       Behaviour = "works"
	NotApplied  Behaviour = "not-applied"  // changes nothing and says so
	Fails       Behaviour = "fails"        // changes nothing and does not say so
	LosesAnswer Behaviour = "loses-answer" // makes the change and returns an error
	Hangs       Behaviour = "hangs"        // changes nothing and never answers
	Panics      Behaviour = "panics"       // changes nothing
)

var behaviours = []string{string(Works), string(NotApplied), string(Fails), string(LosesAnswer), string(Hangs), string(Panics)}

// usage is how the verb is written, on one line.
func (f form) usage() string {
	text := string(f.verb)
	for _, o := range f.operands {
		text += " " + string(o)
	}
	for _, name := range f.fields {
		if name == "param" {
			name = "param.NAME"
		}
		text += " [" + name + "=]"
	}
	for _, name := range f.flags {
		text += " [" + name + "]"
	}
	switch f.reason {
	case mayReason:
		text += ` ["reason"]`
	case mustReason:
		text += ` "reason"`
	}
	return text
}

// Usage lists every form of line, for a program's help; what explains a form
// stands on a second line of the same text.
func Usage() []string {
	lines := []string{"> A sentence for the story.", "# A comment."}
	add := func(before string, forms []form) {
		for _, f := range forms {
			line := before + f.usage()
			if f.help != "" {
				line = fmt.Sprintf("%s\n    %s", line, f.help)
			}
			lines = append(lines, line)
		}
	}
	add("TIME LOGIN ", actorForms)
	add("TIME host ", hostForms)
	add("[TIME] ", expectForms)
	return lines
}
