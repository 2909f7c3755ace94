package moderation_test

import (
	"context"
	"fmt"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

func ExampleNewMapDirectory() {
	lastDay := moderation.LastDayOn(2017, time.November, 2, time.UTC)
	directory, err := moderation.NewMapDirectory(
		[]moderation.Actor{
			{Login: "ada", Person: "ada", Type: moderation.Human, Status: moderation.Active, LastDay: moderation.NoLastDay()},
			{Login: "ben", Person: "ben", Type: moderation.Human, Status: moderation.Active, LastDay: lastDay},
		},
		[]moderation.Target{{ID: "account-7", Tier: "protected", Domain: "en", Reach: 40_000_000}},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	ben, err := directory.Actor(ctx, "ben")
	fmt.Println(ben.Person, ben.Status, err)
	_, err = directory.Actor(ctx, "mallory")
	fmt.Println(err)
	// Output:
	// ben active <nil>
	// moderation: unknown actor: "mallory"
}

func ExampleMapDirectory_SetTarget() {
	var directory moderation.MapDirectory
	account := moderation.Target{ID: "account-7", Tier: "protected", Domain: "en"}
	if err := directory.SetTarget(account, "@mayor"); err != nil {
		fmt.Println(err)
		return
	}
	id, err := directory.Resolve(context.Background(), "@mayor")
	fmt.Println(id, err)

	impostor := moderation.Target{ID: "account-8", Tier: "ordinary", Domain: "en"}
	fmt.Println(directory.SetTarget(impostor, "account-7"))
	// Output:
	// account-7 <nil>
	// moderation: invalid: target "account-8": handle "account-7" is another target's ID, which always stands for itself
}
