// Package typednil recognizes an interface that holds nothing.
package typednil

import "reflect"

// Is reports whether an interface is nil or holds a nil pointer, map, slice,
// function or channel: a dependency that was not given, or whose constructor
// failed.
func Is(dependency any) bool {
	if dependency == nil {
		return true
	}
	switch v := reflect.ValueOf(dependency); v.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Func, reflect.Chan:
		return v.IsNil()
	}
	return false
}
