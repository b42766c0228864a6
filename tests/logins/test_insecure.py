"""Which hosts may be reached without TLS: what dockerd takes in `insecure-registries`."""

import pytest

from image_assets.errors import InputError
from image_assets.inputs.settings import parse_settings
from image_assets.logins.insecure import InsecureHosts

HOSTS = {
    "r.io:5000": (["r.io:5000"], True),
    "r.io": (["r.io:5000"], False),
    "reg.local": (["Reg.Local"], True),
    "REG.local": (["reg.local"], True),
    "10.1.2.3:5000": (["10.0.0.0/8"], True),
    "11.1.2.3:5000": (["10.0.0.0/8"], False),
    "10.9.9.9": (["10.1.2.3/8"], True),
    "[fd00::1]:5000": (["fd00::/8"], True),
    "localhost:5000": (["127.0.0.0/8", "::1/128"], True),
    "nowhere.invalid": (["10.0.0.0/8"], False),
}


@pytest.mark.parametrize(("host", "expected"), HOSTS.items(), ids=HOSTS)
def test_a_host_is_meant_by_its_name_or_by_the_network_it_is_in(host: str, expected: tuple[list[str], bool]) -> None:
    entries, meant = expected
    assert (host in InsecureHosts.of(parse_settings({"insecureRegistries": entries}).insecure_registries)) is meant


WRONG = {
    "http://r.io": r'insecureRegistries\[0\]: must be a host without "http://": write "r.io"',
    "https://r.io:5000/v2/": 'write "r.io:5000"',
    "r.io/team": 'write "r.io", or a network',
    "10.0.0.0/99": "or a network",
    "r.io:port": "is not a host name",
    "": "must not be empty",
}


@pytest.mark.parametrize(("entry", "words"), WRONG.items(), ids=WRONG)
def test_what_is_no_host_is_refused_with_what_to_write(entry: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_settings({"insecureRegistries": [entry]})
