"""The command lines that a spec becomes."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_assets.docker import BuildSpec, CacheOption
from image_assets.docker.argv import Arguments, Output, ToNowhere, ToRegistry, ToStore, build_argv, csv_field
from image_assets.docker.dialect import BUILDX, EMBEDDED, NERDCTL, PODMAN, Dialect
from image_assets.errors import BuildError

PLAIN = BuildSpec(context=Path("/src"), dockerfile=Path("/src/Dockerfile"))
FULL = replace(
    PLAIN,
    build_args={"A": "1 2", "TOKEN": "hidden"},
    secrets=(),
    build_ssh=("default", "git=/keys/id"),
    target="final",
    network_mode="host",
    labels={"k": "a=b"},
    cache_disabled=True,
    build_flags=("--add-host", "x:1", "--pull"),
)
HELD = ToStore("held:1")
PUSHED = ToRegistry("r.example/a/b", Path("/m.json"))
CACHE = CacheOption("registry", {"ref": "r.example/cache", "mode": "max"})


def words(spec: BuildSpec, dialect: Dialect = BUILDX, output: Output = HELD, **more: object) -> str:
    return " ".join(build_argv(("x",), dialect, spec, Arguments(**more), output))  # type: ignore[arg-type]  # named


SHARED = "--file /src/Dockerfile --platform linux/amd64"
BY_DIGEST = "type=image,name=r.example/a/b,push-by-digest=true,name-canonical=true,push=true"


@pytest.mark.parametrize(
    ("dialect", "output", "command"),
    [
        (BUILDX, HELD, f"x --builder b --progress plain {SHARED} --tag held:1 /src"),
        (EMBEDDED, HELD, f"x --progress plain {SHARED} --tag held:1 /src"),
        (NERDCTL, HELD, f"x --progress plain {SHARED} --tag held:1 /src"),
        (PODMAN, HELD, f"x --ignorefile /i {SHARED} --tag held:1 /src"),
        (BUILDX, PUSHED, f"x --builder b --progress plain {SHARED} --metadata-file /m.json --output {BY_DIGEST} /src"),
        (EMBEDDED, ToNowhere(), f"x --progress plain {SHARED} --output type=cacheonly /src"),
        (PODMAN, ToNowhere(), f"x --ignorefile /i {SHARED} /src"),
    ],
)
def test_each_program_gets_the_command_it_understands(dialect: Dialect, output: Output, command: str) -> None:
    assert words(PLAIN, dialect, output, builder="b", ignore_file=Path("/i")) == command


def test_every_input_becomes_its_flag_and_verbatim_flags_come_last() -> None:
    assert words(FULL, secrets=("id=s,env=E",), by_environment=frozenset({"TOKEN"})) == (
        "x --progress plain --file /src/Dockerfile --build-arg A=1 2 --build-arg TOKEN --secret id=s,env=E "
        "--ssh default --ssh git=/keys/id --target final --network host --platform linux/amd64 --label k=a=b "
        "--no-cache --tag held:1 --add-host x:1 --pull /src"
    )


def test_attestations_are_asked_for_in_their_own_words() -> None:
    assert "--provenance" not in words(PLAIN)
    assert "--sbom" not in words(PLAIN)
    assert "--provenance mode=max --sbom true " in words(replace(PLAIN, provenance="max", sbom="true"))
    assert "--sbom generator=r.example/scan:1 " in words(replace(PLAIN, sbom="r.example/scan:1"))


def test_caches_are_written_as_each_program_reads_them() -> None:
    spec = replace(PLAIN, cache_from=(CACHE,), cache_to=(CACHE, CacheOption("local", {"dest": "/a,b"})))
    written = words(spec)
    assert "--cache-from type=registry,ref=r.example/cache,mode=max " in written
    # A cache that cannot be written takes no image with it, unless the program wants it so.
    assert '--cache-to type=local,"dest=/a,b",ignore-error=true ' in written
    strict = CacheOption("local", {"dest": "/a", "ignore-error": "false"})
    assert "--cache-to type=local,dest=/a,ignore-error=false " in words(replace(PLAIN, cache_to=(strict,)))
    assert "--cache-from r.example/cache " in words(replace(PLAIN, cache_from=(CACHE,)), PODMAN)
    inline = replace(PLAIN, cache_to=(CacheOption("inline"),))
    assert "--build-arg BUILDKIT_INLINE_CACHE=1 " in words(inline, EMBEDDED)


@pytest.mark.parametrize(
    ("dialect", "more", "named"),
    [
        (EMBEDDED, {"build_contexts": {"a": "/b"}, "cache_to": (CACHE,)}, ["`buildContexts`", "`cacheTo`"]),
        (PODMAN, {"provenance": "min", "sbom": "true"}, ["`provenance`", "`sbom`"]),
        (EMBEDDED, {"sbom": "true"}, ["`sbom`"]),
        (PODMAN, {"cache_from": (CacheOption("s3"),)}, ["`cacheFrom` of type `s3`"]),
        (PODMAN, {"platforms": ("linux/amd64", "linux/arm64")}, ["several `platforms`"]),
        (NERDCTL, {"platforms": ("linux/amd64", "linux/arm64")}, ["several `platforms`"]),
    ],
)
def test_what_a_program_cannot_do_is_refused_with_the_way_out(
    dialect: Dialect, more: dict[str, object], named: list[str]
) -> None:
    with pytest.raises(BuildError, match="buildx") as caught:
        words(replace(PLAIN, **more), dialect)  # type: ignore[arg-type]  # the table names the fields
    assert [name for name in named if name not in str(caught.value)] == []


@given(st.lists(st.tuples(st.sampled_from(["id", "src"]), st.text(st.characters(codec="utf-8"))), min_size=1))
def test_a_field_written_is_the_field_that_a_csv_reader_reads(pairs: list[tuple[str, str]]) -> None:
    record = next(csv.reader(io.StringIO(csv_field(pairs), newline=""), strict=True))
    assert record == [f"{key}={value}" for key, value in pairs]
