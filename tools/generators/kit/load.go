package kit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/blang/semver"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
)

// Nothing is the loader for generators: the schema refers to no other package.
var Nothing schema.ReferenceLoader = loader{}

// load reads and binds a schema, some of whose object types have other names; a schema that does not bind is an error.
func load(path string, renamed map[string]string) (*schema.Package, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for from, to := range renamed {
		text = bytes.ReplaceAll(text, []byte(":index:"+from+`"`), []byte(":index:"+to+`"`))
	}
	var spec schema.PackageSpec
	if err := json.Unmarshal(text, &spec); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	pkg, diagnostics, err := schema.BindSpec(spec, loader{}, schema.ValidationOptions{})
	if err != nil {
		return nil, err
	}
	if diagnostics.HasErrors() {
		return nil, diagnostics
	}
	return pkg, nil
}

// loader knows one package, and none while that is bound: the schema refers to no other.
type loader struct {
	pkg *schema.Package
}

func (l loader) find(name string) (*schema.Package, error) {
	if l.pkg != nil && l.pkg.Name == name {
		return l.pkg, nil
	}
	return nil, fmt.Errorf("package %s is not known here; only schemas and programs that stand alone can be used", name)
}

func (l loader) LoadPackage(name string, _ *semver.Version) (*schema.Package, error) {
	return l.find(name)
}

func (l loader) LoadPackageV2(_ context.Context, d *schema.PackageDescriptor) (*schema.Package, error) {
	return l.find(d.Name)
}

func (l loader) LoadPackageReference(name string, _ *semver.Version) (schema.PackageReference, error) {
	return l.LoadPackageReferenceV2(context.Background(), &schema.PackageDescriptor{Name: name})
}

func (l loader) LoadPackageReferenceV2(_ context.Context, d *schema.PackageDescriptor) (schema.PackageReference, error) {
	pkg, err := l.find(d.Name)
	if err != nil {
		return nil, err
	}
	return pkg.Reference(), nil
}
