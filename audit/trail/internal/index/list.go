package index

// list only grows. What is in it is neither moved nor changed, so that a copy
// of a list can be read while the list grows.
type list[T any] struct {
	blocks [][]T
	length int
}

const listBlock = 4096

func (l *list[T]) add(v T) {
	at := l.length % listBlock
	if at == 0 {
		l.blocks = append(l.blocks, make([]T, listBlock))
	}
	l.blocks[len(l.blocks)-1][at] = v
	l.length++
}

func (l *list[T]) at(i int) T { return l.blocks[i/listBlock][i%listBlock] }
