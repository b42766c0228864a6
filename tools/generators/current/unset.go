package main

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
)

var (
	assignment = regexp.MustCompile(`(?m)^( +)__props__\.__dict__\["(\w+)"\] = (.+)\n`)
	getter     = regexp.MustCompile(`def (\w+)\(self\) -> pulumi\.Output\[`)
)

// withoutUnset lets the Python classes hand on only the inputs that are given. Pulumi's SDK makes an Output, and a few
// tasks, of each property that it gets, None or not, which takes most of the time of a program with many resources.
// What is an output, too, must be there to be filled in later.
func withoutUnset(files map[string][]byte) map[string][]byte {
	for name, content := range files {
		if path.Ext(name) == ".py" {
			files[name] = skippingUnset(content)
		}
	}
	return files
}

func skippingUnset(source []byte) []byte {
	outputs := map[string]bool{}
	for _, found := range getter.FindAllSubmatch(source, -1) {
		outputs[string(found[1])] = true
	}
	return assignment.ReplaceAllFunc(source, func(line []byte) []byte {
		found := assignment.FindSubmatch(line)
		indent, name, value := found[1], found[2], found[3]
		if outputs[string(name)] || !bytes.Contains(value, name) {
			return line
		}
		return fmt.Appendf(nil, "%sif %s is not None:\n    %s", indent, name, line)
	})
}
