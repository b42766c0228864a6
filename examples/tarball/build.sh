#!/bin/sh
# Makes an image archive, as `docker save` writes it, of the files in src. It stands for any tool that makes one.
set -eu
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
tar -C src -cf "$work/layer.tar" .
layer=$(sha256sum "$work/layer.tar" | cut -d ' ' -f 1)
cat > "$work/config.json" <<END
{"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/hello"]},
 "rootfs": {"type": "layers", "diff_ids": ["sha256:$layer"]}}
END
echo '[{"Config": "config.json", "Layers": ["layer.tar"]}]' > "$work/manifest.json"
tar -C "$work" -cf "$1" manifest.json config.json layer.tar
