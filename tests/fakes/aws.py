"""A whole AWS for tests: moto's server, and ECR's registry in front of a real one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from tests.fakes.ecr_front import EcrFront, serving
from tools.kit import registry as local_registry


@contextmanager
def running(folder: Path) -> Iterator[EcrFront]:
    """Run it, with the registry's storage in `folder`."""
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    try:
        with (
            local_registry.running(folder) as upstream,
            serving(f"http://{host}:{port}", upstream.address, folder / "data") as front,
        ):
            yield front
    finally:
        moto.stop()
