package main

import (
	"context"
	"log"
	"os"
)

// The program tells its story.
func Example() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
	// Output:
	// 201 names are 200 accounts (1 named twice), with 2000 followers
	//   50 are standard, in de
	//   150 are standard, in en
	// it needs [[lead]]
	// asked for; waits for [[lead]]
	// lena approves
	//   stage 1 of 3: 2 done; soaking
	//   stage 2 of 3: 20 done; soaking
	//   stage 3 of 3: 50 of 200 done, 0 failed, 0 skipped
	//   stage 3 of 3: 100 of 200 done, 0 failed, 0 skipped
	// luis halts it
	// the run ends: halted: appeals come in
	// mia can't resume it: own_request: The person behind "mia" asked for this, or owns the service that did; someone else must review it.
	// lena resumes it
	//   stage 3 of 3: 150 of 200 done, 0 failed, 0 skipped
	//   stage 3 of 3: 200 of 200 done, 0 failed, 0 skipped
	// 200 accounts are limited
	// mia undoes all of it
	//   50 of 200 undone
	//   100 of 200 undone
	//   150 of 200 undone
	//   200 of 200 undone
	// 0 accounts are limited
}
