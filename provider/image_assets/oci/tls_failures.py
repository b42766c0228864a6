"""Which failures of TLS would come again, and which are only a connection that broke.

OpenSSL reports both through one class. Final are those of certificates and of the protocol: the sides do not agree on
how to talk, and will not the next time either. A connection that ends or is damaged in mid-record is like any other
that breaks.
"""

import ssl
from collections.abc import Iterator

# Names of OpenSSL's reasons (`openssl/sslerr.h`) and of the alerts that the other side sends (RFC 8446, section 6.2).
_FINAL_REASONS = frozenset(
    {
        "BAD_PROTOCOL_VERSION_NUMBER",
        "CA_MD_TOO_WEAK",
        "DH_KEY_TOO_SMALL",
        "EE_KEY_TOO_SMALL",
        "HTTPS_PROXY_REQUEST",
        "HTTP_REQUEST",
        "NO_CIPHERS_AVAILABLE",
        "NO_PROTOCOLS_AVAILABLE",
        "NO_SHARED_CIPHER",
        "PACKET_LENGTH_TOO_LONG",
        "RECORD_LAYER_FAILURE",
        "SSLV3_ALERT_BAD_CERTIFICATE",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        "SSLV3_ALERT_CERTIFICATE_REVOKED",
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        "SSLV3_ALERT_HANDSHAKE_FAILURE",
        "SSLV3_ALERT_ILLEGAL_PARAMETER",
        "SSLV3_ALERT_NO_CERTIFICATE",
        "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        "TLSV13_ALERT_CERTIFICATE_REQUIRED",
        "TLSV13_ALERT_MISSING_EXTENSION",
        "TLSV1_ALERT_ACCESS_DENIED",
        "TLSV1_ALERT_INSUFFICIENT_SECURITY",
        "TLSV1_ALERT_PROTOCOL_VERSION",
        "TLSV1_ALERT_UNKNOWN_CA",
        "TLSV1_UNRECOGNIZED_NAME",
        "TLSV1_UNSUPPORTED_EXTENSION",
        "UNKNOWN_PROTOCOL",
        "UNSAFE_LEGACY_RENEGOTIATION_DISABLED",
        "UNSUPPORTED_PROTOCOL",
        "VERSION_TOO_LOW",
        "WRONG_SSL_VERSION",
        "WRONG_VERSION_NUMBER",
    }
)
_DEEPEST = 8


def is_final(error: BaseException) -> bool:
    """Say whether the same connection would fail again, as far as anything behind the error tells."""
    return any(_is_final(cause) for cause in _causes(error))


def is_about_trust(error: BaseException) -> bool:
    """Say whether the other side's certificate was refused here."""
    return any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(error))


def _is_final(error: BaseException) -> bool:
    # urllib3's own word for a certificate of another host is none of OpenSSL's errors.
    if isinstance(error, ssl.CertificateError) or type(error).__name__ == "CertificateError":
        return True
    return (
        isinstance(error, ssl.SSLError)
        and str(getattr(error, "reason", None)).replace(" ", "_").upper() in _FINAL_REASONS
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and what it was made from, by cause, context or argument (urllib3 wraps by argument)."""
    found: BaseException | None = error
    for _ in range(_DEEPEST):
        if found is None:
            return
        yield found
        wrapped = next((item for item in found.args if isinstance(item, BaseException)), None)
        found = wrapped or found.__cause__ or found.__context__
