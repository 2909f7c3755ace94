package analysis

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// grantBook knows which logins are granted the same.
type grantBook struct {
	policy  *policy.Policy
	ground  *ground
	alike   map[string]string            // login to what it is granted, as a key
	direct  map[string][]policy.GrantRow // by that key
	ofRole  map[string][]policy.GrantRow // by role
	renders map[rolesAsked]string        // what is held, as a key
	held    map[rolesAsked][][]string    // by domain; behind them, everywhere
	known   map[string]*holding          // by what is held and by whom
	bounds  map[string][]time.Time       // moments by key of what is granted
}

type rolesAsked struct {
	granted string
	at      int64
}

func newGrantBook(p *policy.Policy, g *ground) *grantBook {
	b := &grantBook{policy: p, ground: g, alike: make(map[string]string), direct: make(map[string][]policy.GrantRow),
		ofRole: make(map[string][]policy.GrantRow), renders: make(map[rolesAsked]string), held: make(map[rolesAsked][][]string),
		known: make(map[string]*holding), bounds: make(map[string][]time.Time)}
	byLogin := make(map[string][]policy.GrantRow)
	for row := range p.Grants() {
		if row.IsRole {
			b.ofRole[row.Grantee] = append(b.ofRole[row.Grantee], row)
			continue
		}
		byLogin[row.Grantee] = append(byLogin[row.Grantee], row)
	}
	for login, rows := range byLogin {
		key := grantsKey(rows)
		b.alike[login] = key
		if b.direct[key] == nil {
			b.direct[key] = rows
		}
	}
	return b
}

// grantsKey is the same for logins that are granted the same. Names in rows
// hold no control characters.
func grantsKey(rows []policy.GrantRow) string {
	keys := make([]string, len(rows))
	for i, g := range rows {
		keys[i] = fmt.Sprintf("%s\x00%s\x00%d\x00%d", g.Role, g.Domain, g.From.UnixNano(), g.Until.UnixNano())
	}
	slices.Sort(keys)
	return strings.Join(keys, "\x01")
}

// holding is what a login can bring to a question: roles and labels. Logins
// that hold the same share one.
type holding struct {
	id      int
	login   string    // one of those who hold it
	at      time.Time // when
	roles   [][]string
	labels  []string
	service bool
}

// rolesIn returns the roles that are held in the domain of a cell.
func (h *holding) rolesIn(c cell) []string {
	if c.domain < 0 {
		return h.roles[len(h.roles)-1]
	}
	return h.roles[c.domain]
}

func (h *holding) is(label string) bool { return slices.Contains(h.labels, label) }

// approver reports whether the guard could count an approval.
func (h *holding) approver() bool { return !h.service && !h.is(moderation.LabelLeaving) }

// rolesOf returns the roles of a login, and a key that is the same for the
// same roles.
func (b *grantBook) rolesOf(login string, at time.Time) ([][]string, string) {
	asked := rolesAsked{b.alike[login], at.UnixNano()}
	if held, known := b.held[asked]; known {
		return held, b.renders[asked]
	}
	var held [][]string
	var key strings.Builder
	for i := range len(b.ground.domains) + 1 {
		domain := moderation.Any
		if i < len(b.ground.domains) {
			domain = b.ground.domains[i].name
		}
		roles := b.policy.Roles(login, domain, at)
		held = append(held, roles)
		key.WriteString(strings.Join(roles, "\x00") + "\x01")
	}
	b.held[asked], b.renders[asked] = held, key.String()
	return held, key.String()
}

// hold returns the holding of a login with these labels.
func (b *grantBook) hold(login Login, labels []string, at time.Time) *holding {
	roles, key := b.rolesOf(login.Name, at)
	key += strings.Join(labels, "\x00") + string([]byte{1, bit(login.Service)})
	h, known := b.known[key]
	if !known {
		h = &holding{len(b.known), login.Name, at, roles, labels, login.Service}
		b.known[key] = h
	}
	return h
}

// present is a person at a moment, with a holding for each login.
type present struct {
	person *Person
	logins []*holding // in the order of the person's
}

// present returns who is there at a moment, with derived labels added. Those
// whose last day is over are not.
func (a *Analysis) present(at time.Time, more ...string) []present {
	list := make([]present, 0, len(a.directory.People))
	for i := range a.directory.People {
		if who, there := a.personAt(&a.directory.People[i], at, more...); there {
			list = append(list, who)
		}
	}
	return list
}

func (a *Analysis) personAt(p *Person, at time.Time, more ...string) (present, bool) {
	end, ends := p.LastDay.End()
	if ends && !at.Before(end) {
		return present{}, false
	}
	leaving := ends && !at.Before(end.Add(-a.directory.notice()))
	who := present{person: p}
	for _, login := range p.Logins {
		labels := slices.Concat(login.Labels, more)
		if leaving {
			labels = append(labels, moderation.LabelLeaving)
		}
		if login.Service {
			labels = append(labels, moderation.LabelService)
		}
		slices.Sort(labels)
		who.logins = append(who.logins, a.grants.hold(login, slices.Compact(labels), at))
	}
	return who, true
}
