package versions_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/policy"
)

func TestProposalsAreKeptForAllReplicas(t *testing.T) {
	t.Parallel()
	h := newHouse(t, server.Pool(t), "")
	digest, rows := digestOf(t, amended), rowsOf(t, amended)
	if _, err := h.Proposals().Load(t.Context(), digest); !errors.Is(err, policy.ErrNoProposal) {
		t.Errorf("of nothing: %v, want ErrNoProposal", err)
	}
	for range 2 {
		if err := h.Proposals().Save(t.Context(), digest, rows); err != nil {
			t.Fatal(err)
		}
	}
	got, err := h.open().Proposals().Load(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(contents(rows), contents(got)); diff != "" {
		t.Errorf("(-saved +loaded):\n%s", diff)
	}
	if err := h.Proposals().Save(t.Context(), digest, rows[1:]); err == nil {
		t.Error("rows were kept under another digest than theirs")
	}
	for _, edit := range []string{`[["g"]]`, `[[]]`, `nonsense`} {
		h.must(`UPDATE @.policy_proposal SET body = '` + edit + `'`)
		if got, err := h.Proposals().Load(t.Context(), digest); err == nil && policy.Digest(got) == digest {
			t.Errorf("%s has the digest of what was saved", edit)
		}
	}
	if err := h.Proposals().Save(t.Context(), digest, rows); err != nil {
		t.Fatal(err)
	}
	if got, err := h.Proposals().Load(t.Context(), digest); err != nil || policy.Digest(got) != digest {
		t.Errorf("proposed again, it is not put right: %v", err)
	}
}
