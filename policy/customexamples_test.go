package policy_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	fileadapter "github.com/casbin/casbin/v2/persist/file-adapter"
	"github.com/casbin/casbin/v2/util"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// casbinExample is a model and a policy of Casbin's own, and what its
// documentation and tests say of it.
type casbinExample struct {
	model, policy string
	mend          *strings.Replacer // of the model, where it is refused as it stands
	without       string            // a row to leave out, where the policy is refused with it
	refused       string            // part of the reason, where it is refused
	roles         map[string]policy.ModelRoles
	functions     map[string]func(...any) (any, error)
	values        func(sub, dom, obj, act string) ([]any, error) // sub, obj, act where nil
	definitions   policy.ModelDefinitions
	// asked has a line for each request: sub, dom where there are domains, obj,
	// act, and yes or no.
	asked string
}

var keyMatch2 = map[string]policy.ModelRoles{"g": {Match: util.KeyMatch2}, "g2": {Match: util.KeyMatch2}}

// between is Casbin's TimeMatch at the moment of the question.
func between(at time.Time, columns []string) (bool, error) {
	for i, column := range columns {
		if column == "_" {
			continue
		}
		bound, err := time.Parse(time.DateTime, column)
		if err != nil {
			return false, err
		}
		if i == 0 && !at.After(bound) || i == 1 && !at.Before(bound) {
			return false, nil
		}
	}
	return true, nil
}

func withDomain(sub, dom, obj, act string) ([]any, error) { return []any{sub, dom, obj, act}, nil }

// person is what an ABAC model reads of a subject; strangers are refused.
func person(people map[string]any, objects map[string]any) func(sub, _, obj, act string) ([]any, error) {
	return func(sub, _, obj, act string) ([]any, error) {
		values := []any{sub, obj, act}
		if people != nil {
			if values[0] = people[sub]; values[0] == nil {
				return nil, errors.New("nobody is called " + sub)
			}
		}
		if objects != nil {
			if values[1] = objects[obj]; values[1] == nil {
				return nil, errors.New("nothing is called " + obj)
			}
		}
		return values, nil
	}
}

type attributes = map[string]any

// levels are the integers of the lattice models: of who asks and of what.
func levels(of map[string][]float64) func(sub, _, obj, act string) ([]any, error) {
	return func(sub, _, obj, act string) ([]any, error) {
		if of[sub] == nil || of[obj] == nil {
			return nil, errors.New("there is no level of " + sub + " or " + obj)
		}
		values := []any{sub}
		for _, level := range of[sub] {
			values = append(values, level)
		}
		values = append(values, obj)
		for _, level := range of[obj] {
			values = append(values, level)
		}
		return append(values, act), nil
	}
}

const (
	basicAnswers = `alice data1 read yes
alice data1 write no
alice data2 read no
alice data2 write no
bob data1 read no
bob data1 write no
bob data2 read no
bob data2 write yes
`
	rbacAnswers = `alice data1 read yes
alice data1 write no
alice data2 read yes
alice data2 write yes
bob data1 read no
bob data1 write no
bob data2 read no
bob data2 write yes
`
	latticeAnswers = `alice data1 read %[1]s
bob data2 read yes
charlie data1 read yes
bob data3 read %[2]s
charlie data2 read %[2]s
alice data3 write yes
bob data3 write %[1]s
charlie data2 write %[1]s
alice data1 write %[2]s
bob data1 write %[2]s
`
	temporalAnswers = `alice %[1]sdata1 read yes
alice %[2]sdata2 write no
alice %[3]sdata3 read yes
alice %[4]sdata4 write yes
alice %[5]sdata5 read yes
alice %[6]sdata6 write no
alice %[7]sdata7 read yes
alice %[8]sdata8 write no
`
)

func casbinExamples() []casbinExample {
	ages := attributes{"sixteen": attributes{"Age": 16}, "twenty": attributes{"Age": 20}, "old": attributes{"Age": 65}}
	owned := attributes{"data1": attributes{"Owner": "alice"}, "data2": attributes{"Owner": "bob"}}
	ladder := map[string][]float64{"alice": {3}, "bob": {2}, "charlie": {1}, "data1": {1}, "data2": {2}, "data3": {3}}
	temporal := map[string]policy.ModelRoles{"g": {Holds: between}}
	const (
		ageAnswers = "sixteen /data1 read no\nsixteen /data2 read no\nsixteen /data1 write no\nsixteen /data2 write yes\ntwenty /data1 read yes\ntwenty /data2 read no\ntwenty /data1 write no\ntwenty /data2 write yes\nold /data1 read yes\nold /data2 read no\nold /data1 write no\nold /data2 write no\n"
		ownAnswers = "alice data1 read yes\nalice data1 write yes\nalice data2 read no\nalice data2 write no\nbob data1 read no\nbob data1 write no\nbob data2 read yes\nbob data2 write yes\n"
		domAnswers = "alice domain1 data1 read yes\nalice domain1 data1 write yes\nalice domain1 data2 read no\nalice domain1 data2 write no\nbob domain2 data1 read no\nbob domain2 data1 write no\nbob domain2 data2 read yes\nbob domain2 data2 write yes\n"
		bookAsked  = "alice /book/1 GET yes\nalice /book/2 GET yes\nalice /pen/1 GET yes\nalice /pen/2 GET no\nbob /book/1 GET no\nbob /book/2 GET no\nbob /pen/1 GET yes\nbob /pen/2 GET yes\n/book/user/1 /pen4/1 GET yes\n/book/user/1 /pen4/1 POST yes\n"
		book2Asked = "alice /book2/1 GET yes\nalice /book2/2 GET yes\nalice /pen2/1 GET yes\nalice /pen2/2 GET no\nbob /book2/1 GET no\nbob /book2/2 GET no\nbob /pen2/1 GET yes\nbob /pen2/2 GET yes\n"
		priority   = "alice data1 write yes\nalice data1 read yes\nbob data2 read no\nbob data2 write yes\ndata1_deny_group data1 read no\ndata1_deny_group data1 write no\n"
	)
	return []casbinExample{
		{model: "basic_model.conf", policy: "basic_policy.csv", asked: basicAnswers},
		{model: "basic_model.conf", policy: "basic_inverse_policy.csv", asked: "alice data1 read no\nalice data1 write yes\nbob data2 read yes\nbob data2 write no\n"},
		{model: "basic_model_without_spaces.conf", policy: "basic_policy.csv", asked: basicAnswers},
		{model: "comment_model.conf", policy: "basic_policy.csv", asked: basicAnswers},
		// Casbin denies all with no rows: the matcher then reads empty columns.
		{model: "basic_model.conf", refused: "the policy is empty"},
		{model: "basic_with_root_model.conf", policy: "basic_policy.csv", asked: basicAnswers + "root data1 read yes\nroot data1 write yes\nroot data2 read yes\nroot data2 write yes\n"},
		{model: "basic_with_root_model.conf", refused: "the policy is empty"},
		// No column says who asks, so that anybody may.
		{model: "basic_without_users_model.conf", policy: "basic_without_users_policy.csv", refused: "a login that nobody has", asked: "alice data1 read yes\n",
			values: func(_, _, obj, act string) ([]any, error) { return []any{obj, act}, nil }},
		{model: "basic_without_resources_model.conf", policy: "basic_without_resources_policy.csv", asked: "alice - read yes\nalice - write no\nbob - read no\nbob - write yes\n",
			values: func(sub, _, _, act string) ([]any, error) { return []any{sub, act}, nil }},
		{model: "rbac_model.conf", policy: "rbac_policy.csv", asked: rbacAnswers},
		{model: "rbac_model_in_multi_line.conf", policy: "rbac_policy.csv", asked: rbacAnswers},
		{model: "rbac_model.conf", policy: "rbac_with_hierarchy_policy.csv", asked: "alice data1 read yes\nalice data1 write yes\nalice data2 read yes\nalice data2 write yes\nbob data1 read no\nbob data2 write yes\n"},
		// Anybody may do anything with data2 and data3, by its matcher.
		{model: "rbac_model_matcher_using_in_op.conf", policy: "rbac_policy.csv", refused: "a login that nobody has", asked: "alice data2 read yes\nalice data3 read yes\n"},
		{model: "rbac_model_matcher_using_in_op_bracket.conf", policy: "rbac_policy.csv", refused: "a login that nobody has", asked: "alice data2 read yes\nalice data3 read yes\n"},
		{model: "rbac_with_resource_roles_model.conf", policy: "rbac_with_resource_roles_policy.csv", asked: "alice data1 read yes\nalice data1 write yes\nalice data2 read no\nalice data2 write yes\nbob data1 read no\nbob data1 write no\nbob data2 read no\nbob data2 write yes\n"},
		{model: "rbac_with_domains_model.conf", policy: "rbac_with_domains_policy.csv", values: withDomain, asked: domAnswers},
		{model: "rbac_with_domains_model.conf", policy: "rbac_with_domains_policy2.csv", values: withDomain, asked: domAnswers[:strings.Index(domAnswers, "bob")] + "alice domain2 data2 write yes\nbob domain2 data2 read yes\nbob domain3 data2 read yes\nbob domain3 data2 write no\n"},
		{model: "rbac_with_domains_model.conf", policy: "rbac_with_hierarchy_with_domains_policy.csv", values: withDomain, asked: "alice domain1 data2 read yes\nalice domain1 data1 read yes\nalice domain1 data1 write yes\nalice domain2 data1 read no\nalice domain2 data2 read yes\n"},
		{model: "rbac_with_domain_pattern_model.conf", policy: "rbac_with_domain_pattern_policy.csv", values: withDomain, roles: map[string]policy.ModelRoles{"g": {MatchDomain: util.KeyMatch2}},
			asked: "alice domain1 data1 read yes\nalice domain1 data1 write yes\nalice domain1 data2 read no\nalice domain1 data2 write no\nalice domain2 data2 read yes\nalice domain2 data2 write yes\nbob domain2 data1 read no\nbob domain2 data1 write no\nbob domain2 data2 read yes\nbob domain2 data2 write yes\n"},
		{model: "rbac_with_all_pattern_model.conf", policy: "rbac_with_all_pattern_policy.csv", values: withDomain, roles: map[string]policy.ModelRoles{"g": {Match: util.KeyMatch2, MatchDomain: util.KeyMatch2}},
			asked: "alice domain1 /book/1 read yes\nalice domain1 /book/1 write no\nalice domain2 /book/1 read no\nalice domain2 /book/1 write yes\n"},
		{model: "keymatch_with_rbac_in_domain.conf", policy: "keymatch_with_rbac_in_domain.csv", values: withDomain, asked: "Username==test2 engines/engine1 * attach yes\nUsername==test2 engines/engine2 * attach no\n"},
		// One of its rows is for everybody.
		{model: "rbac_with_pattern_model.conf", policy: "rbac_with_pattern_policy.csv", roles: keyMatch2, refused: "a login that nobody has", asked: "any_user /pen3/1 GET yes\n"},
		{model: "rbac_with_pattern_model.conf", policy: "rbac_with_pattern_policy.csv", roles: keyMatch2, without: "p, *, pen3_group, GET", asked: bookAsked},
		{model: "rbac_with_pattern_model.conf", policy: "rbac_with_pattern_policy.csv", roles: map[string]policy.ModelRoles{"g": {Match: util.KeyMatch2}, "g2": {Match: util.KeyMatch3}}, without: "p, *, pen3_group, GET", asked: book2Asked},
		{model: "rbac_with_deny_model.conf", policy: "rbac_with_deny_policy.csv", asked: strings.Replace(rbacAnswers, "alice data2 write yes", "alice data2 write no", 1)},
		// Allows whatever no row denies, to anybody.
		{model: "rbac_with_not_deny_model.conf", policy: "rbac_with_deny_policy.csv", refused: "allows everybody whatever no row denies"},
		{model: "rbac_with_multiple_policy_model.conf", policy: "rbac_with_multiple_policy_policy.csv", refused: "matcher m2 reads both p2 and p"},
		{model: "multiple_policy_definitions_model.conf", policy: "multiple_policy_definitions_policy.csv", refused: "is not heeded by the effect"},
		{model: "multiple_policy_definitions_model.conf", policy: "multiple_policy_definitions_policy.csv", without: "p2, r2.sub.Age > 60 && r2.sub.Age < 100, /data1, read, deny", asked: "alice data2 read yes\nalice data1 read no\n"},
		{model: "multiple_policy_definitions_model.conf", policy: "multiple_policy_definitions_policy.csv", without: "p2, r2.sub.Age > 60 && r2.sub.Age < 100, /data1, read, deny",
			definitions: policy.ModelDefinitions{Request: "r2", Policy: "p2", Matcher: "m2"}, values: person(attributes{"seventy": struct{ Age int }{70}, "thirty": struct{ Age int }{30}}, nil), asked: "seventy /data1 read no\nthirty /data1 read yes\n"},
		{model: "abac_model.conf", values: person(nil, owned), asked: ownAnswers},
		{model: "abac_not_using_policy_model.conf", values: person(nil, owned), asked: ownAnswers},
		// Two of these rows deny, and no matcher reads them.
		{model: "abac_not_using_policy_model.conf", policy: "abac_rule_effect_policy.csv", refused: "is read by no matcher"},
		{model: "abac_rule_model.conf", policy: "abac_rule_policy.csv", values: person(ages, nil), asked: ageAnswers},
		// Who is nobody is younger than 60.
		{model: "abac_rule_model.conf", policy: "abac_rule_policy.csv", refused: "a login that nobody has", asked: "sixteen /data2 write yes\n",
			values: func(_, _, obj, act string) ([]any, error) { return []any{struct{ Age int }{}, obj, act}, nil }},
		{model: "eval_operator_model.conf", policy: "eval_operator_policy.csv", asked: "admin users write yes\nadmin none write no\nuser users write no\n"},
		{model: "pbac_model.conf", policy: "pbac_policy.csv",
			values: person(attributes{"admin": attributes{"Role": "admin", "Age": 25}, "user": attributes{"Role": "user", "Age": 18}, "child": attributes{"Role": "user", "Age": 16}}, attributes{"doc": attributes{"Type": "doc"}, "video": attributes{"Type": "video"}}),
			asked:  "admin doc read yes\nuser doc read no\nadmin doc write no\nadmin video read no\nuser video play yes\nadmin video play yes\nchild video play no\nuser video read no\nuser doc play no\n"},
		{model: "object_conditions_model.conf", policy: "object_conditions_policy.csv", refused: "can't be read"}, // a filter's syntax, not an expression's
		{model: "biba_model.conf", values: levels(ladder), asked: fmt.Sprintf(latticeAnswers, "no", "yes")},
		{model: "blp_model.conf", values: levels(ladder), asked: fmt.Sprintf(latticeAnswers, "yes", "no")},
		{model: "lbac_model.conf", values: levels(map[string][]float64{"admin": {5, 5}, "staff": {3, 3}, "guest": {2, 2}, "top": {3, 3}, "internal": {2, 3}, "secret": {4, 2}, "high": {5, 4}, "public": {2, 2}}),
			asked: "admin top read yes\nstaff internal read yes\nguest public read yes\nstaff secret read no\nguest public write yes\nstaff high write yes\nstaff public write no\nadmin high write no\n"},
		{model: "orbac_model.conf", policy: "orbac_policy.csv", values: withDomain, asked: "alice org1 data1 read yes\nalice org1 data2 write yes\nbob org1 data1 read yes\nbob org1 data1 write no\ncharlie org2 report1 write yes\ndavid org2 report2 read yes\ndavid org2 report2 write no\nalice org2 report1 read no\ncharlie org1 data1 write no\nalice org1 report1 read no\ncharlie org2 data1 read no\n"},
		{model: "rebac_model.conf", policy: "rebac_policy.csv", asked: "alice doc1 read yes\nalice doc1 write no\nalice doc2 read no\nalice doc3 read no\nbob doc1 read no\nbob doc2 read yes\nbob doc2 write no\n"},
		{model: "keymatch_model.conf", policy: "keymatch_policy.csv", asked: "alice /alice_data/resource1 GET yes\nalice /alice_data/resource1 POST yes\nalice /alice_data/resource2 POST no\nalice /bob_data/resource1 GET no\nbob /alice_data/resource1 GET no\nbob /alice_data/resource2 GET yes\nbob /bob_data/resource2 POST yes\ncathy /cathy_data GET yes\ncathy /cathy_data POST yes\ncathy /cathy_data DELETE no\n"},
		{model: "keymatch2_model.conf", policy: "keymatch2_policy.csv", asked: "alice /alice_data GET no\nalice /alice_data/resource1 GET yes\nalice /alice_data2/myid GET no\nalice /alice_data2/myid/using/res_id GET yes\n"},
		{model: "keymatch_custom_model.conf", policy: "keymatch2_policy.csv", refused: "keyMatchCustom"},
		{model: "keymatch_custom_model.conf", policy: "keymatch2_policy.csv", functions: map[string]func(...any) (any, error){"keyMatchCustom": func(args ...any) (any, error) {
			return args[0] == "/alice_data2/myid/using/res_id" && args[1] == "/alice_data2/:id/using/:resId", nil
		}}, asked: "alice /alice_data2/myid GET no\nalice /alice_data2/myid/using/res_id GET yes\n"},
		{model: "ipmatch_model.conf", policy: "ipmatch_policy.csv", asked: "192.168.2.123 data1 read yes\n192.168.2.123 data1 write no\n192.168.2.123 data2 read no\n192.168.0.123 data1 read no\n10.0.0.5 data1 read no\n10.0.0.5 data2 write yes\n192.168.0.1 data2 write no\n"},
		{model: "glob_model.conf", policy: "glob_policy.csv", asked: "u1 /foo/ read yes\nu1 /foo read no\nu1 /foo/subprefix read yes\nu1 foo read no\nu2 /foosubprefix read yes\nu2 /foo/subprefix read no\nu3 /prefix/foo/subprefix read yes\nu3 /prefix/foo/ read yes\nu3 /prefix/foo read no\nu4 /foo read no\nu4 foo read yes\n"},
		{model: "priority_model.conf", policy: "priority_policy.csv", asked: "alice data1 read yes\nalice data1 write no\nalice data2 read no\nalice data2 write no\nbob data1 read no\nbob data1 write no\nbob data2 read yes\nbob data2 write no\n"},
		{model: "priority_model.conf", policy: "priority_indeterminate_policy.csv", refused: "is neither allow nor deny"},
		{model: "priority_model_enforce_context.conf", policy: "priority_policy_enforce_context.csv", asked: "alice data1 read yes\nbob data2 write no\n"},
		// Its second matcher looks at the subject alone.
		{model: "priority_model_enforce_context.conf", policy: "priority_policy_enforce_context.csv", definitions: policy.ModelDefinitions{Request: "r2", Matcher: "m2"},
			values: func(sub, _, obj, _ string) ([]any, error) { return []any{sub, obj}, nil }, asked: "alice data1 - yes\nbob data2 - yes\n"},
		// Casbin lets a login named like a role hold it; these may nothing here.
		{model: "priority_model_explicit.conf", policy: "priority_policy_explicit.csv", asked: priority + "data2_allow_group data2 read no\ndata2_allow_group data2 write no\n"},
		{model: "priority_model_explicit_customized.conf", policy: "priority_policy_explicit_customized.csv", refused: "by a column that is called priority"},
		{model: "priority_model_explicit_customized.conf", policy: "priority_policy_explicit_customized.csv", mend: strings.NewReplacer("customized_priority", "priority"), asked: priority},
		{model: "subject_priority_model.conf", policy: "subject_priority_policy.csv", asked: "jane data1 read yes\nalice data1 read yes\n"},
		{model: "subject_priority_model_with_domain.conf", policy: "subject_priority_policy_with_domain.csv", asked: "alice domain1 data1 write yes\nbob domain2 data2 write yes\nadmin domain1 data1 write no\n",
			values: func(sub, dom, obj, act string) ([]any, error) { return []any{sub, obj, dom, act}, nil }},
		{model: "rbac_with_temporal_roles_model.conf", policy: "rbac_with_temporal_roles_policy.csv", refused: "has conditions"},
		{model: "rbac_with_temporal_roles_model.conf", policy: "rbac_with_temporal_roles_policy.csv", roles: temporal, asked: fmt.Sprintf(temporalAnswers, "", "", "", "", "", "", "", "")},
		{model: "rbac_with_domain_temporal_roles_model.conf", policy: "rbac_with_domain_temporal_roles_policy.csv", roles: temporal, values: withDomain,
			asked: fmt.Sprintf(temporalAnswers, "domain1 ", "domain2 ", "domain3 ", "domain4 ", "domain5 ", "domain6 ", "domain7 ", "domain8 ") + "alice nowhere data1 read no\nalice nowhere data4 read no\n"},
		{model: "rbac_with_different_types_of_roles_model.conf", policy: "rbac_with_different_types_of_roles_policy.csv", roles: temporal,
			asked: "alice data1 read yes\nalice data1 write yes\nalice data2 read no\nbob data1 read no\nbob data2 read yes\nbob data2 write no\ncarol data1 read no\ncarol data2 read no\ncarol data2 write no\n"},
		{model: "rbac_with_domains_conditional_model.conf", policy: "rbac_with_domains_conditional_policy.csv", roles: temporal, values: withDomain, asked: "alice domain1 service1 /list yes\nalice domain1 service1 /other no\nbob domain2 service2 /broadcast yes\njack domain1 service1 /list no\n"},
		{model: "syntax_matcher_model.conf", asked: "a.p.p.l.e file read yes\nother file read no\n"},
	}
}

func examplesDirectory(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/casbin/casbin/v2").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "examples")
}

// Casbin's own examples answer through our authorizer as Casbin says they do,
// or are refused for what they would let happen.
func TestCasbinsOwnExamples(t *testing.T) {
	t.Parallel()
	dir := examplesDirectory(t)
	for _, ex := range casbinExamples() {
		t.Run(strings.Trim(ex.model+" "+ex.policy, " "), func(t *testing.T) {
			t.Parallel()
			requests := ex.requests(t)
			a, err := policy.OpenModel(t.Context(), ex.config(t, dir, requests))
			if ex.refused != "" {
				if err == nil || !strings.Contains(err.Error(), ex.refused) {
					t.Errorf("OpenModel: %v, want refused: %s", err, ex.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range requests {
				q := ask(r.sub, kind(r.kind), tier(r.tier), domain(r.dom))
				d, err := a.Decide(t.Context(), q)
				if d.Allowed != r.want || err != nil && r.want {
					t.Errorf("%s %s %s %s: allowed %v (%v, %v), Casbin says %v", r.sub, r.dom, r.obj, r.act, d.Allowed, d.Rules, err, r.want)
				}
				if d.Allowed && len(d.Rules) == 0 {
					t.Errorf("%s %s %s: no row is named", r.sub, r.obj, r.act)
				}
			}
		})
	}
}

// exampleRequest is a line of a table, and the names that stand for its object
// and its action in questions.
type exampleRequest struct {
	sub, dom, obj, act, kind, tier string
	want                           bool
}

func (ex casbinExample) requests(t *testing.T) []exampleRequest {
	t.Helper()
	var list []exampleRequest
	for line := range strings.Lines(ex.asked) {
		f := strings.Fields(line)
		if len(f) == 4 {
			f = slices.Insert(f, 1, "everywhere")
		}
		if len(f) != 5 || f[4] != "yes" && f[4] != "no" {
			t.Fatalf("the table has %q", line)
		}
		list = append(list, exampleRequest{f[0], f[1], f[2], f[3], "", "", f[4] == "yes"})
	}
	for i, r := range list {
		list[i].kind = fmt.Sprint("kind", slices.IndexFunc(list, func(o exampleRequest) bool { return o.obj == r.obj }))
		list[i].tier = fmt.Sprint("tier", slices.IndexFunc(list, func(o exampleRequest) bool { return o.act == r.act }))
	}
	return list
}

func (ex casbinExample) config(t *testing.T, dir string, requests []exampleRequest) policy.ModelConfig {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, ex.model))
	if err != nil {
		t.Fatal(err)
	}
	c := modelConfig(string(text), "")
	c.Source = nil
	if ex.mend != nil {
		c.Model = ex.mend.Replace(c.Model)
	}
	switch path := filepath.Join(dir, ex.policy); {
	case ex.without != "":
		rows, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(rows), ex.without) {
			t.Fatalf("%s has no row %s", ex.policy, ex.without)
		}
		c.Source = policy.CSV(ex.policy, strings.Replace(string(rows), ex.without, "", 1))
	case ex.policy != "":
		c.Source = policy.Adapter(ex.policy, fileadapter.NewAdapter(path))
	}
	c.RoleDefinitions, c.Functions = ex.roles, ex.functions
	for name := range ex.roles {
		if !strings.Contains(c.Model, name+" =") {
			delete(c.RoleDefinitions, name)
		}
	}
	c.Steps = []moderation.Step{moderation.StepRequest}
	c.Kinds, c.Tiers, c.Domains = []string{"kind"}, []string{"tier"}, nil
	objects, actions := map[string]string{}, map[string]string{}
	for _, r := range requests {
		objects[r.kind], actions[r.tier] = r.obj, r.act
	}
	for name := range objects {
		c.Kinds = append(c.Kinds, name)
	}
	for name := range actions {
		c.Tiers = append(c.Tiers, name)
	}
	values := ex.values
	if values == nil {
		values = person(nil, nil)
	}
	c.Request = func(q moderation.Question) (policy.ModelRequest, error) {
		list, err := values(q.Actor.Login, q.Target.Domain, objects[q.Kind], actions[q.Target.Tier])
		return policy.ModelRequest{Values: list, Definitions: ex.definitions}, err
	}
	return c
}
