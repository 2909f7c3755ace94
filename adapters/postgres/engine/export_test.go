package engine

// NextSweep is what the periodic job inserts next.
func (w *Worker) NextSweep() AdvanceArgs {
	args, _ := w.nextSweep()
	return args.(AdvanceArgs)
}
