package moderation

import "strings"

// vocabularySize is about how many words a vocabulary has before another one is
// begun.
const vocabularySize = 4096

// vocabulary numbers what recurs among packed tickets: names, the rows,
// requirements and slots of a policy, and the terms on which limits are used. It says nothing twice, so that a million
// tickets share what one policy gave them.
//
// A vocabulary that is full takes no more words, and forgets how to find a
// number. The tickets that were packed with it still know it, and nobody else
// does: it lives as long as they do. So names that never recur, be they hostile
// or the digests of a policy that changes all day, cost no more than they would
// unnumbered.
type vocabulary struct {
	names        words[string]
	rules        words[[]Rule]
	slots        words[[]Slot]
	requirements words[Requirement]
	terms        words[*useTerms]
}

// words are numbered in the order in which they came.
type words[T any] struct {
	numbers map[string]uint64 // by packed form
	values  []T
}

// full reports whether another vocabulary is to be begun, and seals one that is.
func (v *vocabulary) full() bool {
	if len(v.names.values)+len(v.rules.values)+len(v.slots.values)+len(v.requirements.values)+len(v.terms.values) < vocabularySize {
		return false
	}
	v.names.numbers, v.rules.numbers, v.slots.numbers, v.requirements.numbers, v.terms.numbers = nil, nil, nil, nil, nil
	return true
}

// name returns a copy of a name that keeps nothing else in memory, and, if it
// recurs, mostly the same one.
func (v *vocabulary) name(name string) string {
	if len(name) > MaxName {
		return strings.Clone(name)
	}
	return v.names.values[v.numberName(name)]
}

// numberName returns the number of a name.
func (v *vocabulary) numberName(name string) uint64 {
	if n, known := v.names.numbers[name]; known {
		return n
	}
	return v.names.number([]byte(name), func(form *unpacker) string { return form.text })
}

// number returns that of a word. One that is new is made of a copy of its packed
// form, so that it keeps nothing else in memory.
func (w *words[T]) number(form []byte, read func(*unpacker) T) uint64 {
	if n, known := w.numbers[string(form)]; known {
		return n
	}
	if w.numbers == nil {
		w.numbers = make(map[string]uint64)
	}
	own, n := string(form), uint64(len(w.values))
	w.values = append(w.values, read(&unpacker{text: own}))
	w.numbers[own] = n
	return n
}
