//go:build tools

// Package tool names the program that this wrapper module builds.
package tool

import _ "github.com/docker/buildx/cmd/buildx"
