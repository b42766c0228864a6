module monorepo

go 1.25

require (
	github.com/pulumi/pulumi/sdk/v3 v3.259.0
	image-assets.example/sdk/go v0.1.0
)

// The module as a release has it (image-assets-sdk-go-vX.Y.Z.zip), or the checkout's.
replace image-assets.example/sdk/go => ../../../sdk/go
