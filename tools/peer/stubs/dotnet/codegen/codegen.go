// Package codegen holds what the plugin says about its SDK for .NET, which nothing here makes.
package codegen

// CSharpPackageInfo has the fields that the plugin sets.
type CSharpPackageInfo struct {
	RespectSchemaVersion bool              `json:"respectSchemaVersion,omitempty"`
	PackageReferences    map[string]string `json:"packageReferences,omitempty"`
}
