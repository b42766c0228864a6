// Command gensdk-older makes SDKs and programs for .NET and Java, whose generators want an older Pulumi.
package main

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/hashicorp/hcl/v2"
	dotnet "github.com/pulumi/pulumi-dotnet/pulumi-language-dotnet/v3/codegen"
	"github.com/pulumi/pulumi-java/pkg/codegen/java"
	"github.com/pulumi/pulumi/pkg/v3/codegen/hcl2/syntax"
	"github.com/pulumi/pulumi/pkg/v3/codegen/pcl"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"

	"tools/generators/kit"
)

func main() {
	http.DefaultTransport = offline{}
	kit.Main(
		bind,
		kit.Language{Name: "csharp", Folder: "dotnet", Package: dotnetSDK, Program: dotnet.GenerateProgram},
		kit.Language{
			Name: "java", Folder: "java", Package: javaSDK, Program: java.GenerateProgram,
			// Each class has a class Builder in it.
			Renamed: map[string]string{"Builder": "BuilderOptions"},
		},
	)
}

func bind(files []*syntax.File, loader schema.ReferenceLoader) (*pcl.Program, hcl.Diagnostics, error) {
	return pcl.BindProgram(files, pcl.Loader(loader), pcl.PreferOutputVersionedInvokes)
}

// offline answers every request with nothing: the generator for .NET asks the schema's homepage for a logo.
type offline struct{}

func (offline) RoundTrip(request *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: request}, nil
}

func dotnetSDK(p *schema.Package) (map[string][]byte, error) {
	files, err := dotnet.GeneratePackage(kit.Tool, p, nil, nil)
	if err != nil {
		return nil, err
	}
	delete(files, "logo.png")
	for name, text := range files {
		if strings.HasSuffix(name, ".csproj") {
			files[name] = withoutLogo(text)
		}
	}
	return files, nil
}

func withoutLogo(project []byte) []byte {
	project = bytes.ReplaceAll(project, []byte("    <PackageIcon>logo.png</PackageIcon>\n"), nil)
	head, tail, found := bytes.Cut(project, []byte("    <None Include=\"logo.png\">\n"))
	if !found {
		return project
	}
	_, tail, _ = bytes.Cut(tail, []byte("</None>\n"))
	return append(head, tail...)
}

func javaSDK(p *schema.Package) (map[string][]byte, error) {
	return java.GeneratePackage(kit.Tool, p, nil, nil, false, false)
}
