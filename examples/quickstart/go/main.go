// An image that shows a page, published under a tag that names its content.
package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"

	"image-assets.example/sdk/go/imageassets"
)

func setting(ctx *pulumi.Context, name, fallback string) pulumi.String {
	if value := config.Get(ctx, name); value != "" {
		return pulumi.String(value)
	}
	return pulumi.String(fallback)
}

func program(ctx *pulumi.Context) error {
	site, err := imageassets.NewDockerImageAsset(ctx, "site", &imageassets.DockerImageAssetArgs{
		Directory:  pulumi.String("../site"),
		Repository: setting(ctx, "repository", "localhost:5000/quickstart"),
		BuildArgs: pulumi.StringMap{
			"BASE":     setting(ctx, "base", "docker.io/library/busybox:stable"),
			"GREETING": pulumi.String("Good day"),
		},
	})
	if err != nil {
		return err
	}
	ctx.Export("imageUri", site.ImageUri)
	ctx.Export("imageDigest", site.ImageDigest)
	return nil
}

func main() {
	pulumi.Run(program)
}
