"""A client of the OCI distribution API (github.com/opencontainers/distribution-spec). START READING IN `client`.

Row by row, each file using only those above it:

    media_types · model · keychain · challenge · scopes · limits · exchange · watchdog   values, tools
    faults · endpoint · retries · trust     decisions: what an error means, where to ask, when again, whom to trust
    judging · referrers                     whether an answer is a registry's, a manifest; the list of referrers
    tls_failures · outgoing · connections · transport       one HTTP exchange (urllib3 lives here alone)
    tokens · auth                            signing in
    session                                  one exchange with all of this
    reading · blob_lookup · upload · download    one blob
    client                                   the verbs
"""

from image_assets.oci.client import RegistryClient
from image_assets.oci.keychain import Credential, Keychain, NoKeychain
from image_assets.oci.limits import Limits
from image_assets.oci.model import BlobSource, BytesSource, Descriptor, Manifest, Uploaded, digest_of

__all__ = [
    "BlobSource",
    "BytesSource",
    "Credential",
    "Descriptor",
    "Keychain",
    "Limits",
    "Manifest",
    "NoKeychain",
    "RegistryClient",
    "Uploaded",
    "digest_of",
]
