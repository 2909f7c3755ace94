// Package audittest helps to test what has to do with package audit.
//
// [TestSink] is the suite that every [audit.Sink] has to pass, whoever wrote
// it. Call it from a test of your own:
//
//	func TestMySink(t *testing.T) {
//		audittest.TestSink(t, func(t *testing.T) audit.Sink {
//			sink, err := mysink.Open(t.TempDir())
//			if err != nil {
//				t.Fatal(err)
//			}
//			t.Cleanup(func() { sink.Close() })
//			return sink
//		})
//	}
//
// It looks harder at a sink that is an [audit.Replayer] or an
// [audit.Snapshotter] as well, and at one that it can close, open again or read
// by other means; see [Option].
//
// [Faulty] is a sink that misbehaves as a script says, for testing what a
// program does when its trail fails, hangs, panics or lies. [Record] makes
// records with every field set.
package audittest
