package scenario

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// word is one word of a line: bare, "quoted", key=value or key="quoted value".
// A quoted word is taken as it is: it need not be a name that is known.
type word struct {
	text   string
	quoted bool
	key    string // of key=value
	column int    // from 1, in characters
	start  int    // from 0, in bytes
	end    int
}

// shown is the word as a reader would find it in the line.
func (w word) shown() string {
	if w.key != "" {
		return w.key + "=" + w.text
	}
	return w.text
}

// arrow stands before what is expected.
const arrow = "->"

// splitWords splits a line into its words. What follows a # at the beginning
// of a word is a comment.
func splitWords(line string) ([]word, *Fault) {
	if bad := checkLetters(line); bad != nil {
		return nil, bad
	}
	var words []word
	for i := 0; i < len(line); {
		switch line[i] {
		case ' ', '\t':
			i++
			continue
		case '#':
			return words, nil
		}
		w, err := nextWord(line[i:])
		if err != nil {
			return words, wordFault(line, i, err.Error())
		}
		w.column = 1 + utf8.RuneCountInString(line[:i])
		w.start, w.end = i, i+w.end
		words = append(words, w)
		i = w.end
	}
	return words, nil
}

// checkLetters refuses what could not be shown in a fault or a story.
func checkLetters(line string) *Fault {
	for i, r := range line {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(line[i:], string(utf8.RuneError)):
			return wordFault(line, i, "is not valid UTF-8 from here on")
		case unicode.IsControl(r) && r != '\t':
			return wordFault(line, i, fmt.Sprintf("has a control character (%U); write it inside quotes, as Go does", r))
		}
	}
	return nil
}

func wordFault(line string, at int, text string) *Fault {
	return &Fault{Column: 1 + utf8.RuneCountInString(line[:at]), Text: text}
}

// nextWord reads the word at the beginning of a text; its end is relative to
// that.
func nextWord(text string) (word, error) {
	if text[0] == '"' {
		return quotedWord(text)
	}
	end := strings.IndexAny(text, " \t")
	if end < 0 {
		end = len(text)
	}
	key, value, isField := strings.Cut(text[:end], "=")
	if isField && key != "" && strings.HasPrefix(value, `"`) {
		w, err := quotedWord(text[len(key)+1:])
		if err != nil {
			return word{}, err
		}
		w.key, w.end = key, w.end+len(key)+1
		return w, nil
	}
	w := word{text: text[:end], end: end}
	if isField && key != "" {
		w.key, w.text = key, value
	}
	if strings.Contains(text[:end], `"`) {
		return word{}, fmt.Errorf("%s has a quote in its middle; quote the whole word, or the whole value behind =", text[:end])
	}
	return w, nil
}

func quotedWord(text string) (word, error) {
	end := 1
	for end < len(text) && text[end] != '"' {
		if text[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(text) {
		return word{}, errors.New(`the quote that begins here is not closed; end it with "`)
	}
	end++
	value, err := strconv.Unquote(text[:end])
	if err != nil {
		return word{}, fmt.Errorf(`%s is not well quoted; write " as \" and \ as \\`, text[:end])
	}
	if end < len(text) && text[end] != ' ' && text[end] != '\t' {
		return word{}, fmt.Errorf("%s must be followed by a space", text[:end])
	}
	return word{text: value, quoted: true, end: end}, nil
}
