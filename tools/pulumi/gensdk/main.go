// Command gensdk writes the SDKs of a Pulumi schema: gensdk SCHEMA.json FOLDER makes FOLDER/python, FOLDER/nodejs and
// FOLDER/go. Whatever else lies in these three folders is deleted, except what building or installing an SDK leaves there.
//
// It calls the generators that `pulumi package gen-sdk` calls, but needs no language host.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/blang/semver"
	gogen "github.com/pulumi/pulumi/pkg/v3/codegen/go"
	"github.com/pulumi/pulumi/pkg/v3/codegen/nodejs"
	"github.com/pulumi/pulumi/pkg/v3/codegen/python"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
)

const tool = "gensdk"

// builtPatterns name what is not generated and may stay: folders of package managers and compilers.
var builtPatterns = []string{"*.egg-info", "__pycache__", "node_modules", "build"}

type generator struct {
	folder   string
	generate func(*schema.Package) (map[string][]byte, error)
}

var generators = []generator{
	{"python", func(p *schema.Package) (map[string][]byte, error) {
		return python.GeneratePackage(tool, p, nil, refuser{})
	}},
	{"nodejs", func(p *schema.Package) (map[string][]byte, error) {
		return nodejs.GeneratePackage(tool, p, nil, nil, false, refuser{})
	}},
	{"go", func(p *schema.Package) (map[string][]byte, error) {
		return gogen.GeneratePackage(tool, p, nil)
	}},
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: gensdk SCHEMA.json FOLDER")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "gensdk:", err)
		os.Exit(1)
	}
}

func run(schemaPath, folder string) error {
	pkg, err := load(schemaPath)
	if err != nil {
		return err
	}
	for _, g := range generators {
		files, err := g.generate(pkg)
		if err != nil {
			return fmt.Errorf("%s: %w", g.folder, err)
		}
		if err := replace(filepath.Join(folder, g.folder), files); err != nil {
			return err
		}
	}
	return nil
}

// load reads and binds a schema; a schema that does not bind is an error.
func load(path string) (*schema.Package, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var spec schema.PackageSpec
	if err := json.Unmarshal(text, &spec); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	pkg, diagnostics, err := schema.BindSpec(spec, refuser{}, schema.ValidationOptions{})
	if err != nil {
		return nil, err
	}
	if diagnostics.HasErrors() {
		return nil, diagnostics
	}
	return pkg, nil
}

// replace makes root hold exactly these files, and what builds left there.
func replace(root string, files map[string][]byte) error {
	if err := deleteStale(root, files); err != nil {
		return err
	}
	for name, content := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func deleteStale(root string, files map[string][]byte) error {
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if built(entry.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if _, wanted := files[filepath.ToSlash(name)]; wanted {
			return nil
		}
		return os.Remove(path)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func built(name string) bool {
	for _, pattern := range builtPatterns {
		if matched, _ := filepath.Match(pattern, name); matched {
			return true
		}
	}
	return false
}

// refuser is the loader of a schema that refers to no other package.
type refuser struct{}

func refuse(name string) error {
	return fmt.Errorf("the schema refers to package %s; only schemas that stand alone can be generated here", name)
}

func (refuser) LoadPackage(name string, _ *semver.Version) (*schema.Package, error) {
	return nil, refuse(name)
}

func (refuser) LoadPackageV2(_ context.Context, d *schema.PackageDescriptor) (*schema.Package, error) {
	return nil, refuse(d.Name)
}

func (refuser) LoadPackageReference(name string, _ *semver.Version) (schema.PackageReference, error) {
	return nil, refuse(name)
}

func (refuser) LoadPackageReferenceV2(_ context.Context, d *schema.PackageDescriptor) (schema.PackageReference, error) {
	return nil, refuse(d.Name)
}
