package typednil_test

import (
	"errors"
	"testing"

	"github.com/elevenminutes/interlock/internal/typednil"
)

func TestIs(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		dependency any
		want       bool
	}{
		"nil":                  {nil, true},
		"a nil pointer":        {(*int)(nil), true},
		"a nil map":            {map[string]int(nil), true},
		"a nil slice":          {[]int(nil), true},
		"a nil function":       {(func())(nil), true},
		"a nil channel":        {(chan int)(nil), true},
		"a pointer":            {new(int), false},
		"an empty slice":       {[]int{}, false},
		"a function":           {func() {}, false},
		"a struct":             {struct{}{}, false},
		"an error":             {errors.New("x"), false},
		"a nil pointer inside": {struct{ p *int }{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := typednil.Is(tt.dependency); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
