// Package postgrestest starts a private PostgreSQL server for tests, from the
// programs of the system's package, on a free port of the loopback interface
// and in a temporary folder, and stops it.
//
//	var server *postgrestest.Server
//
//	func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m, &server)) }
//
//	func TestStore(t *testing.T) {
//		pool := server.Pool(t) // a database of the test's own
//		…
//	}
//
// The server syncs what it commits, as one in production does. It ends with the
// process that started it, however that ends: a killed test leaves no server
// behind.
package postgrestest
