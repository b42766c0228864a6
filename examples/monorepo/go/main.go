// Several services with one context, the repository's root; each image changes with what its Dockerfile copies.
package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"

	"image-assets.example/sdk/go/imageassets"
)

func program(ctx *pulumi.Context) error {
	registry := config.Require(ctx, "registry")
	for _, service := range []string{"api", "worker"} {
		image, err := imageassets.NewDockerImageAsset(ctx, service, &imageassets.DockerImageAssetArgs{
			Directory:  pulumi.String("../repo"),
			File:       pulumi.String("services/" + service + "/Dockerfile"),
			Scope:      pulumi.String(imageassets.ScopeDockerfile),
			Repository: pulumi.String(registry + "/" + service),
		})
		if err != nil {
			return err
		}
		ctx.Export(service, image.ImageUri)
	}
	return nil
}

func main() {
	pulumi.Run(program)
}
