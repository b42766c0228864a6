package kit

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/pulumi/pulumi/pkg/v3/codegen/hcl2/syntax"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
)

// convert returns each program of a folder in each language, by the program's name.
func convert(schemaPath, folder string, bind Binder, languages []Language) (map[string]map[string]string, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.pp"))
	if err != nil {
		return nil, err
	}
	converted := map[string]map[string]string{}
	for _, path := range paths {
		converted[nameOf(path)] = map[string]string{}
	}
	for _, language := range languages {
		pkg, err := load(schemaPath, language.Renamed)
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			if !language.Calls && bytes.Contains(text, []byte("call(")) {
				continue
			}
			program, err := inLanguage(pkg, path, text, bind, language)
			if err != nil {
				return nil, fmt.Errorf("%s in %s: %w", path, language.Name, err)
			}
			converted[nameOf(path)][language.Name] = program
		}
	}
	return converted, nil
}

func nameOf(path string) string {
	return strings.TrimSuffix(filepath.Base(path), ".pp")
}

func inLanguage(pkg *schema.Package, path string, text []byte, bind Binder, language Language) (string, error) {
	parser := syntax.NewParser()
	if err := parser.ParseFile(bytes.NewReader(text), filepath.Base(path)); err != nil {
		return "", err
	}
	if parser.Diagnostics.HasErrors() {
		return "", parser.Diagnostics
	}
	program, diagnostics, err := bind(parser.Files, loader{pkg})
	if err := failed(diagnostics, err); err != nil {
		return "", err
	}
	files, diagnostics, err := language.Program(program)
	if err := failed(diagnostics, err); err != nil {
		return "", err
	}
	if len(files) != 1 {
		return "", fmt.Errorf("%d files in place of one", len(files))
	}
	for _, content := range files {
		return string(content), nil
	}
	return "", nil
}

func failed(diagnostics hcl.Diagnostics, err error) error {
	if err != nil {
		return err
	}
	if diagnostics.HasErrors() {
		return diagnostics
	}
	return nil
}
