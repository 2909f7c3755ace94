package analysis

import (
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"time"
)

// Bound is how much there may be at most. The zero Bound allows nothing. In
// JSON it is a number, or the word "unbounded".
type Bound int64

// Unbounded says that nothing bounds it.
const Unbounded Bound = math.MaxInt64

const unboundedText = "unbounded"

// String returns the number, or the word unbounded.
func (b Bound) String() string {
	if b == Unbounded {
		return unboundedText
	}
	return strconv.FormatInt(int64(b), 10)
}

// MarshalJSON returns the number, or the word unbounded.
func (b Bound) MarshalJSON() ([]byte, error) {
	if b == Unbounded {
		return json.Marshal(unboundedText)
	}
	return json.Marshal(int64(b))
}

// UnmarshalJSON reads what MarshalJSON returns; anything else is an error.
func (b *Bound) UnmarshalJSON(text []byte) error {
	if string(text) == `"`+unboundedText+`"` {
		*b = Unbounded
		return nil
	}
	n, err := strconv.ParseUint(string(text), 10, 63)
	if err != nil || n == math.MaxInt64 {
		return fmt.Errorf("analysis: %.40q is no bound; a whole number or %q is", text, unboundedText)
	}
	*b = Bound(n)
	return nil
}

// plus adds, and stays unbounded.
func (b Bound) plus(o Bound) Bound {
	if b > Unbounded-o {
		return Unbounded
	}
	return b + o
}

// times multiplies, and stays unbounded; nothing times anything is nothing.
func (b Bound) times(o Bound) Bound {
	if b == 0 || o == 0 {
		return 0
	}
	if b == Unbounded || o == Unbounded || b > Unbounded/o {
		return Unbounded
	}
	return b * o
}

// drawn is the most that a token bucket gives in any span of time: it is full
// at its beginning, and fills evenly.
func drawn(amount int64, window, span time.Duration) Bound {
	high, low := bits.Mul64(uint64(amount), uint64(span))
	if high >= uint64(window) {
		return Unbounded
	}
	filled, _ := bits.Div64(high, low, uint64(window))
	if filled >= math.MaxInt64 {
		return Unbounded
	}
	return Bound(amount).plus(Bound(filled))
}

// passing is the most tickets that go through an open limit in any span, where
// each stays open for at least a hold.
func passing(amount int64, hold, span time.Duration) Bound {
	if hold <= 0 {
		return Unbounded
	}
	return Bound(amount).times(Bound(1 + span/hold))
}
