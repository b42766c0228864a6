// Command gensdk makes SDKs and programs for the languages whose generators come with Pulumi itself, and YAML programs.
package main

import (
	"github.com/hashicorp/hcl/v2"
	yaml "github.com/pulumi/pulumi-yaml/pkg/pulumiyaml/codegen"
	gogen "github.com/pulumi/pulumi/pkg/v3/codegen/go"
	"github.com/pulumi/pulumi/pkg/v3/codegen/hcl2/syntax"
	"github.com/pulumi/pulumi/pkg/v3/codegen/nodejs"
	"github.com/pulumi/pulumi/pkg/v3/codegen/pcl"
	"github.com/pulumi/pulumi/pkg/v3/codegen/python"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"

	"tools/generators/kit"
)

func main() {
	kit.Main(
		bind,
		kit.Language{Name: "typescript", Folder: "nodejs", Package: nodeJS, Program: nodejs.GenerateProgram, Calls: true},
		kit.Language{Name: "python", Folder: "python", Package: pythonSDK, Program: python.GenerateProgram, Calls: true},
		kit.Language{Name: "go", Folder: "go", Package: goSDK, Program: gogen.GenerateProgram, Calls: true},
		kit.Language{Name: "yaml", Program: yaml.GenerateProgram},
	)
}

func bind(files []*syntax.File, loader schema.ReferenceLoader) (*pcl.Program, hcl.Diagnostics, error) {
	return pcl.BindProgram(files, loader, pcl.PreferOutputVersionedInvokes)
}

func nodeJS(p *schema.Package) (map[string][]byte, error) {
	return nodejs.GeneratePackage(kit.Tool, p, nil, nil, false, kit.Nothing)
}

func pythonSDK(p *schema.Package) (map[string][]byte, error) {
	files, err := python.GeneratePackage(kit.Tool, p, nil, kit.Nothing)
	return withoutUnset(files), err
}

func goSDK(p *schema.Package) (map[string][]byte, error) {
	return gogen.GeneratePackage(kit.Tool, p, nil)
}
