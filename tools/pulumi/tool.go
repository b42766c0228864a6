//go:build tools

// Package tool names the program that this wrapper module builds.
package tool

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
