// A user's program and what drives it: an image with a grant, an edit, and what two previews say.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"image-assets.example/sdk/go/imageassets"
)

func program(ctx *pulumi.Context) error {
	app, err := imageassets.NewDockerImageAsset(ctx, "app", &imageassets.DockerImageAssetArgs{
		Directory:   pulumi.String("app"),
		IgnoreMode:  imageassets.IgnoreModeGit,
		Platform:    pulumi.String("linux/amd64"),
		BuildArgs:   pulumi.StringMap{"VERSION": pulumi.String("1.4")},
		ForceDelete: pulumi.Bool(true),
	})
	if err != nil {
		return err
	}
	grant, err := app.GrantPull(ctx, &imageassets.DockerImageAssetGrantPullArgs{
		Name:    "lambda",
		Service: pulumi.String("lambda.amazonaws.com"),
	})
	if err != nil {
		return err
	}
	found := imageassets.GetImageOutput(ctx, imageassets.GetImageOutputArgs{Reference: app.ImageDigestUri})
	ctx.Export("imageUri", app.ImageUri)
	ctx.Export("granted", grant.ImageUri())
	ctx.Export("platforms", found.Platforms())
	return nil
}

func values(outputs auto.OutputMap) map[string]any {
	plain := map[string]any{}
	for name, output := range outputs {
		plain[name] = output.Value
	}
	return plain
}

func run(project string) error {
	ctx := context.Background()
	stack, err := auto.UpsertStackInlineSource(ctx, "dev", project, program)
	if err != nil {
		return err
	}
	var seen bytes.Buffer
	shown := []optpreview.Option{optpreview.Diff(), optpreview.ProgressStreams(&seen)}
	if _, err := stack.Preview(ctx, shown...); err != nil {
		return err
	}
	first, err := stack.Up(ctx)
	if err != nil {
		return err
	}
	file, err := os.OpenFile("app/a.txt", os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	fmt.Fprintln(file, "more")
	if err := file.Close(); err != nil {
		return err
	}
	if _, err := stack.Preview(ctx, shown...); err != nil {
		return err
	}
	second, err := stack.Up(ctx)
	if err != nil {
		return err
	}
	after, err := stack.Preview(ctx, optpreview.ExpectNoChanges())
	if err != nil {
		return err
	}
	if _, err := stack.Destroy(ctx); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"previews": seen.String(), "first": values(first.Outputs), "second": values(second.Outputs),
		"after": after.ChangeSummary,
	})
}

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
