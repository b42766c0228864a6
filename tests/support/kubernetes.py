"""A cluster of one node: etcd, the API server, its controllers, the scheduler, and a kubelet over a containerd.

Pods have the machine's own network, so that a registry on `localhost` is the same one for a builder in a pod.
"""

import contextlib
import json
import os
import shutil
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.fakes.images import MadeImage, docker_save, member_of, tar_of_members
from tests.support.builders import NODE_IMAGE, PODS_BUILDX, daemon, wait_until
from tests.support.contexts import busybox
from tests.support.engines import (
    NODE_COMMAND,
    NODE_PATH,
    WITHOUT_CAPABILITY,
    has_all_capabilities,
    node_files,
    runtime,
    unmounted,
)
from tests.support.paths import TOOLS_BIN
from tools.kit.ports import free_port

NODE: Final = "node"
_BUILT: Final = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet")
_INSTALLED: Final = ("etcd", "containerd", "ctr", "runc")
_PAUSE: Final = "image-assets.invalid/pause:1"
_TOKEN: Final = "of-the-tests"
_PATIENCE: Final = 120
_WITHOUT_NETWORK: Final = 's/{"type":"network"[^}]*},//g; s/,{"type":"network"[^}]*}//g'
_PLUGIN: Final = """\
#!/bin/sh
# A network plugin that does nothing (CNI specification): the runtime leaves pods in the machine's network.
case $CNI_COMMAND in
VERSION) echo '{"cniVersion": "0.4.0", "supportedVersions": ["0.3.1", "0.4.0"]}' ;;
ADD) echo '{"cniVersion": "0.4.0", "interfaces": [{"name": "eth0", "sandbox": "'$CNI_NETNS'"}],
            "ips": [{"version": "4", "interface": 0, "address": "127.0.0.2/32"}]}' ;;
esac
"""
_CONTAINERD: Final = """\
version = 2
root = "{root}/containerd/root"
state = "{root}/containerd/state"
[grpc]
address = "{root}/c.sock"
[ttrpc]
address = "{root}/t.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{pause}"
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{root}/cni"
conf_dir = "{root}/cni.d"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
BinaryName = "{runtime}"
"""
_KUBELET: Final = {
    "apiVersion": "kubelet.config.k8s.io/v1beta1",
    "kind": "KubeletConfiguration",
    "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
    "authorization": {"mode": "AlwaysAllow"},
    "cgroupDriver": "cgroupfs",
    "cgroupsPerQOS": False,
    "enforceNodeAllocatable": [],
    "failSwapOn": False,
    "failCgroupV1": False,
    "healthzPort": 0,
    "imageGCHighThresholdPercent": 100,
    "evictionHard": {"memory.available": "1Mi"},
    "localStorageCapacityIsolation": False,
    "makeIPTablesUtilChains": False,
}
"""Nothing of it touches the machine's own control groups and packet filter."""


def missing() -> list[str]:
    """Return what a cluster lacks on this machine."""
    programs = [*filter(lambda name: shutil.which(name) is None, _INSTALLED)]
    programs += [name for name in (*_BUILT, PODS_BUILDX) if not (TOOLS_BIN / name).exists()]
    return programs if os.geteuid() == 0 else [*programs, "root"]


@contextlib.contextmanager
def cluster(root: Path) -> Iterator[Path]:
    """Run a cluster whose node has the image of a BuildKit, and give the file that clients need (kubeconfig)."""
    port, kubeconfig = free_port(), root / "kubeconfig"
    kubeconfig.write_text(json.dumps(_client(port)))
    with contextlib.ExitStack() as exits:
        exits.enter_context(unmounted(root))

        def run(name: str, *words: str) -> None:
            program = str(TOOLS_BIN / name) if name in _BUILT else name
            exits.enter_context(daemon((program, *words), root / f"{name}.log"))

        stores = [f"http://127.0.0.1:{free_port()}" for _ in range(2)]
        run("etcd", f"--data-dir={root}/etcd", *_etcd(*stores))
        run("kube-apiserver", *_apiserver(root, port, stores[0]))
        wait_until(lambda: _ask(port, "/readyz") == b"ok", f"the API server is not ready: see {root}", _PATIENCE)
        for name in ("kube-controller-manager", "kube-scheduler"):
            run(name, f"--kubeconfig={kubeconfig}", "--leader-elect=false", "--secure-port=0")
        run("containerd", "--config", str(_write_containerd(root)))
        wait_until((root / "c.sock").exists, "containerd did not start")
        _import(root, NODE_IMAGE, node_files(), {"Entrypoint": [NODE_COMMAND], "Env": [f"PATH={NODE_PATH}"]})
        _import(root, _PAUSE, _pause_files(), {"Entrypoint": ["/bin/busybox", "sleep", "1000000"]})
        exits.callback(_end_pods, root)
        run("kubelet", *_kubelet(root, kubeconfig))
        wait_until(lambda: _is_ready(port), f"the node is not ready: see {root}", _PATIENCE)
        yield kubeconfig


def _client(port: int) -> dict[str, Any]:
    """Return a kubeconfig."""
    place = {"server": f"https://127.0.0.1:{port}", "insecure-skip-tls-verify": True}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "tests", "cluster": place}],
        "users": [{"name": "tests", "user": {"token": _TOKEN}}],
        "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "tests"}}],
        "current-context": "tests",
    }


def _etcd(client: str, peer: str) -> Iterator[str]:
    yield from (f"--listen-client-urls={client}", f"--advertise-client-urls={client}", f"--listen-peer-urls={peer}")
    yield from (f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=default={peer}")


def _apiserver(root: Path, port: int, store: str) -> Iterator[str]:
    key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (root / "accounts.key").write_bytes(key)
    (root / "tokens").write_text(f"{_TOKEN},tests,1,system:masters\n")
    yield from (f"--etcd-servers={store}", f"--secure-port={port}", f"--cert-dir={root}/apiserver")
    yield from (f"--token-auth-file={root}/tokens", "--authorization-mode=AlwaysAllow", "--allow-privileged=true")
    yield from ("--service-account-issuer=https://tests", f"--service-account-key-file={root}/accounts.key")
    yield from (f"--service-account-signing-key-file={root}/accounts.key", "--service-cluster-ip-range=10.255.0.0/24")
    # Pods need no account, and nobody knows the node by its name.
    yield from ("--disable-admission-plugins=ServiceAccount", "--kubelet-preferred-address-types=InternalIP")


def _write_containerd(root: Path) -> Path:
    """Write what containerd needs for pods, and return its configuration."""
    change = "; ".join((_WITHOUT_NETWORK, *(() if has_all_capabilities() else (WITHOUT_CAPABILITY,))))
    config = _CONTAINERD.format(root=root, pause=_PAUSE, runtime=runtime(root, change))
    (root / "containerd.toml").write_text(config)
    (root / "cni").mkdir()
    for name in ("loopback", "nothing"):
        (root / "cni" / name).write_text(_PLUGIN)
        (root / "cni" / name).chmod(0o755)
    (root / "cni.d").mkdir()
    network = {"cniVersion": "0.4.0", "name": "nothing", "plugins": [{"type": "nothing"}]}
    (root / "cni.d" / "nothing.conflist").write_text(json.dumps(network))
    return root / "containerd.toml"


def _pause_files() -> bytes:
    """Return the root directory of what keeps a pod's namespaces."""
    member, content = member_of("bin/busybox", Path(busybox()).read_bytes())
    member.mode = 0o755
    return tar_of_members([(member, content)])


def _import(root: Path, name: str, files: bytes, config: Mapping[str, Any]) -> None:
    image = MadeImage((files,), extra={"config": dict(config)})
    words = ("ctr", "-a", f"{root}/c.sock", "-n", "k8s.io", "images", "import", "-")
    subprocess.run(words, input=docker_save({name: image}), check=True, capture_output=True)


def _kubelet(root: Path, kubeconfig: Path) -> Iterator[str]:
    port = {"port": free_port(), "containerRuntimeEndpoint": f"unix://{root}/c.sock"}
    (root / "kubelet.json").write_text(json.dumps({**_KUBELET, **port}))
    yield from (f"--kubeconfig={kubeconfig}", f"--config={root}/kubelet.json", f"--root-dir={root}/kubelet")
    yield from (f"--cert-dir={root}/kubelet-certificates", f"--hostname-override={NODE}")


def _is_ready(port: int) -> bool:
    found = json.loads(_ask(port, f"/api/v1/nodes/{NODE}") or "{}")
    conditions = found.get("status", {}).get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _ask(port: int, path: str) -> bytes:
    """Ask the API server; nothing if it does not answer."""
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    request = urllib.request.Request(f"https://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {_TOKEN}"})
    try:
        with urllib.request.urlopen(request, timeout=10, context=trusting) as answer:
            return bytes(answer.read())
    except OSError:
        return b""


def _end_pods(root: Path) -> None:
    """End what containerd's own end would leave running."""
    ctr = ("ctr", "-a", f"{root}/c.sock", "-n", "k8s.io")
    listed = subprocess.run((*ctr, "tasks", "list", "-q"), capture_output=True, text=True, check=False).stdout
    for task in listed.split():
        subprocess.run((*ctr, "tasks", "delete", "--force", task), capture_output=True, check=False)
