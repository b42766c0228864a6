// Package kit is what the programs here share: they call the generators that `pulumi package gen-sdk` and `pulumi convert`
// call, but need no language host. A generator comes with a version of Pulumi of its own, hence more than one program.
package kit

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/hashicorp/hcl/v2"
	"github.com/pulumi/pulumi/pkg/v3/codegen/hcl2/syntax"
	"github.com/pulumi/pulumi/pkg/v3/codegen/pcl"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
)

// Tool is what the generated files are said to be made by.
const Tool = "gensdk"

// Language is what can be generated for one language.
type Language struct {
	// Name is the language's name in fenced code.
	Name string
	// Folder is where its SDK goes; empty if it has none.
	Folder string
	// Package generates the SDK.
	Package func(*schema.Package) (map[string][]byte, error)
	// Program generates a program.
	Program func(*pcl.Program) (map[string][]byte, hcl.Diagnostics, error)
	// Renamed are the object types that have another name in this language: there, their own would clash.
	Renamed map[string]string
	// Calls says whether programs can call methods of resources.
	Calls bool
}

// Binder binds a parsed program; each version of Pulumi has its own.
type Binder func([]*syntax.File, schema.ReferenceLoader) (*pcl.Program, hcl.Diagnostics, error)

// Main runs what the arguments say:
//
//	sdk SCHEMA.json FOLDER       makes FOLDER/<language> for each language; whatever else lies there is deleted, except
//	                             what building or installing an SDK leaves there
//	programs SCHEMA.json FOLDER  prints what each FOLDER/*.pp is in each language, as JSON
func Main(bind Binder, languages ...Language) {
	if len(os.Args) != 4 || (os.Args[1] != "sdk" && os.Args[1] != "programs") {
		fmt.Fprintf(os.Stderr, "usage: %s sdk|programs SCHEMA.json FOLDER\n", Tool)
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3], bind, languages); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", Tool, err)
		os.Exit(1)
	}
}

func run(command, schemaPath, folder string, bind Binder, languages []Language) error {
	if command == "sdk" {
		return writeSDKs(schemaPath, folder, languages)
	}
	converted, err := convert(schemaPath, folder, bind, languages)
	if err != nil {
		return err
	}
	printed := json.NewEncoder(os.Stdout)
	printed.SetEscapeHTML(false)
	printed.SetIndent("", "  ")
	return printed.Encode(converted)
}
