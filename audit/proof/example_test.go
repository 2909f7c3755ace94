package proof_test

import (
	"errors"
	"fmt"

	"github.com/elevenminutes/interlock/audit/proof"
)

// The public key of a log, from its operator.
const exampleKey = "example.com/trail+9b561d08+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs"

// A receipt's checkpoint, when the log had two entries.
const exampleCheckpoint = `example.com/trail
2
mitF5qD5E6ycKRcGcgFEJ6VjXbRmVjpNzN3W0wcTCJI=

— example.com/trail m1YdCAS2/TbgbJHPF9PbBG3yPvt94WlNMbgEQEFWJE3qopxdIe4jSp/LrQXpcjJ1KBtg8lUwrxPyt9sMMtvO6OyODAA=
`

// A record as it is stored.
const exampleRecord = `{"id":"2","event":"refused","time":"2017-11-02T22:57:00Z"}`

// The proof that the record is in the log when that has three entries.
const exampleInclusion = `c2sp.org/tlog-proof@v1
index 1
INBGMySb4ZbDE7RN6QIotckJL3puH0I3q41kkO+urwo=
YPt1N02tqPR9GPU0g8FCeRXEpGyJeka6aYVmSc8vv8I=

example.com/trail
3
1q/7t7yvGseWC5Lt/oxfpEOnYsIGAVV60m5S88k34u0=

— example.com/trail m1YdCHBAmQdADUuvkO6CrdICXcxbNAH8P8gXSChvY3p4Zo3An7i6iBNglKNEqENETxr+mHlyVEFZahOo3SMikS7nAA8=
`

// The proof that the log of three entries begins with the two.
const exampleConsistency = `old 2
YPt1N02tqPR9GPU0g8FCeRXEpGyJeka6aYVmSc8vv8I=

example.com/trail
3
1q/7t7yvGseWC5Lt/oxfpEOnYsIGAVV60m5S88k34u0=

— example.com/trail m1YdCHBAmQdADUuvkO6CrdICXcxbNAH8P8gXSChvY3p4Zo3An7i6iBNglKNEqENETxr+mHlyVEFZahOo3SMikS7nAA8=
`

func ExampleNewVerifier() {
	v, err := proof.NewVerifier(exampleKey)
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := v.Checkpoint([]byte(exampleCheckpoint))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s had %d entries\n", c.Origin, c.Size)
	// Output: example.com/trail had 2 entries
}

func ExampleVerifier_Record() {
	v, err := proof.NewVerifier(exampleKey)
	if err != nil {
		fmt.Println(err)
		return
	}
	where, err := v.Record([]byte(exampleRecord), []byte(exampleInclusion))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("entry %d of %d\n", where.Index, where.Checkpoint.Size)

	changed := `{"id":"2","event":"approved","time":"2017-11-02T22:57:00Z"}`
	_, err = v.Record([]byte(changed), []byte(exampleInclusion))
	fmt.Println(errors.Is(err, proof.ErrUnverified))
	// Output:
	// entry 1 of 3
	// true
}

func ExampleVerifier_Consistency() {
	v, err := proof.NewVerifier(exampleKey)
	if err != nil {
		fmt.Println(err)
		return
	}
	remembered, err := v.Checkpoint([]byte(exampleCheckpoint))
	if err != nil {
		fmt.Println(err)
		return
	}
	newer, err := v.Consistency(remembered, []byte(exampleConsistency))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d entries, and the first %d are as they were\n", newer.Size, remembered.Size)
	// Output: 3 entries, and the first 2 are as they were
}

func ExampleParseCheckpoint() {
	// The text without signatures: anybody can have written it.
	c, err := proof.ParseCheckpoint([]byte("example.com/trail\n2\nmitF5qD5E6ycKRcGcgFEJ6VjXbRmVjpNzN3W0wcTCJI=\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Origin, c.Size)

	_, err = proof.ParseCheckpoint([]byte("example.com/trail\n02\nmitF5qD5E6ycKRcGcgFEJ6VjXbRmVjpNzN3W0wcTCJI=\n"))
	fmt.Println(err)
	// Output:
	// example.com/trail 2
	// proof: malformed: checkpoint: size: number "02" has a leading zero
}

// A proof can be taken apart, to see what it claims before anything is proved.
func ExampleInclusion() {
	var p proof.Inclusion
	if err := p.UnmarshalText([]byte(exampleInclusion)); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("claims index %d, with %d hashes\n", p.Index, len(p.Hashes))
	// Output: claims index 1, with 2 hashes
}
