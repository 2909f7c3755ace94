package policy

import "slices"

// Rush is how many keys a rush has.
const Rush = rush

// Walked returns a policy that finds roles by walking over grants, as those of
// which there are too many for sets that are worked out do.
func Walked(p *Policy) *Policy {
	s, r := *p.compiled, *p.compiled.roles
	r.classes = slices.Clone(r.classes)
	for i := range r.classes {
		r.classes[i].firstSet = notPrepared
	}
	s.roles = &r
	return &Policy{&s}
}

// NotPrepared is how many classes of logins are walked.
func NotPrepared(p *Policy) int {
	n := 0
	for _, k := range p.compiled.roles.classes {
		if k.firstSet == notPrepared {
			n++
		}
	}
	return n
}
