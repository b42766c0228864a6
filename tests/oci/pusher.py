"""A program that pushes one image and says so; tests kill it. Arguments: registry, repository, tag, user, password."""

import sys

from image_assets.logins.keychain import StaticKeychain
from image_assets.oci import RegistryClient
from image_assets.oci.keychain import Credential
from image_assets.oci.media_types import OCI_MANIFEST
from image_assets.task import Task
from tests.oci.samples import CONFIG, Stream, known, manifest, noise

LAYERS = [noise(3_000_000, str(number)) for number in range(4)]
IMAGE = manifest(*LAYERS)


def main(registry: str, path: str, tag: str, user: str, password: str) -> None:
    client = RegistryClient(registry, StaticKeychain({registry: Credential(user, password)}), Task())
    print("started", flush=True)
    for number, layer in enumerate(LAYERS):
        client.upload_blob(path, known(layer) if number % 2 else Stream(layer))
    client.upload_blob(path, CONFIG)
    client.put_manifest(path, tag, IMAGE, OCI_MANIFEST)
    print("done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
