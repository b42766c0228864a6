//go:build tools

// Package tool names the program that this wrapper module builds.
package tool

import _ "github.com/pulumi/pulumi-docker-build/provider/cmd/pulumi-resource-docker-build"
