//go:build tools

// Package tool names the programs that this wrapper module builds.
package tool

import (
	_ "github.com/moby/buildkit/cmd/buildctl"
	_ "github.com/moby/buildkit/cmd/buildkitd"
)
