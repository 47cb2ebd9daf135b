"""Credentials: how they are given, and how they are kept out of everything that is shown or stored.

A key may be given as `api_key` or in the URL (`https://user:password@host/v1`). It leaves this process only in one
header to one host. Endpoints repeat keys in error bodies, so their texts are scrubbed before they are kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ..quoting import one_line, shorten

NO_KEY = "EMPTY"  # the key that local servers expect if they check none
MASK = "***"

_BEARER = re.compile(r"(?i)\b(bearer|basic|api[-_ ]?key[\"']?\s{0,4}[:=]\s{0,4}[\"']?)\s{0,4}[A-Za-z0-9._~+/=-]{8,}")
_KEY_LIKE = re.compile(r"\b(?:sk|pk|rk|hf|gsk|xai|key)[-_][A-Za-z0-9_-]{8,}")
_URL_USER = re.compile(r"(?<=://)[^/\s@]{1,200}@")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The address of a model, and its credentials.

    `url` is the base URL without credentials and is safe to show; `authorization` is the header's value.
    """

    url: str
    authorization: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)

    @classmethod
    def parse(cls, base_url: str, api_key: str | None = None) -> Endpoint:
        """Split `base_url` into address and credentials.

        Raises:
            ValueError: the URL is not http(s) with a host, or it has a query or fragment, which HTTP libraries log; or
                the key cannot stand in a header, or is given twice. The message does not hold the URL.
        """
        # Modules that are slow to import are imported on use, so that a model that is not used costs nothing.
        import base64
        from urllib.parse import unquote, urlsplit, urlunsplit

        try:
            parts = urlsplit(base_url.strip())
            host, port = parts.hostname, parts.port
        except ValueError:
            raise ValueError("base_url is not a URL: expected something like http://127.0.0.1:8000/v1") from None
        if parts.scheme not in ("http", "https") or not host:
            raise ValueError("base_url must be http:// or https:// with a host, like http://127.0.0.1:8000/v1")
        if parts.query or parts.fragment:
            raise ValueError("base_url must not have a query or a fragment: keys in them end up in logs")
        name = f"[{host}]" if ":" in host else host
        url = urlunsplit((parts.scheme, f"{name}:{port}" if port else name, parts.path.rstrip("/"), "", ""))
        key = _header_safe(api_key) if api_key else NO_KEY
        if "@" not in parts.netloc:
            return cls(url, f"Bearer {key}", _forms(key) if key != NO_KEY else ())
        if key != NO_KEY:
            raise ValueError("give either api_key or a user and password in base_url, not both")
        userinfo = parts.netloc.rpartition("@")[0]
        plain = unquote(userinfo)
        coded = base64.b64encode((plain if ":" in plain else plain + ":").encode("utf-8", "replace")).decode("ascii")
        user, _, password = plain.partition(":")
        return cls(url, f"Basic {coded}", _forms(userinfo, plain, coded, password or user))

    def scrub(self, text: str, *, shortest: int = 8) -> str:
        """`text` with this endpoint's credentials masked, those of `shortest` characters or more."""
        for secret in self.secrets:
            if len(secret) >= shortest:
                text = text.replace(secret, MASK)
        return text

    def excerpt(self, text: str, limit: int = 300) -> str:
        """At most `limit` characters of a server's text, on one line, without anything that looks like a key."""
        # It is scrubbed before and after `one_line`, which removes characters that can hide a key from the first pass.
        text = one_line(self.scrub(text[:65536], shortest=4))
        text = self.scrub(text, shortest=4)
        text = _BEARER.sub(lambda match: match.group(1) + " " + MASK, text)
        text = _URL_USER.sub(MASK + "@", _KEY_LIKE.sub(MASK, text))
        return shorten(text, limit)


def _header_safe(key: str) -> str:
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ValueError("api_key has white space, control or non-ASCII characters (a newline from a file?)")
    return key


def _forms(*secrets: str) -> tuple[str, ...]:
    """Each secret as it is and as URLs write it, longest first, so that no form splits another."""
    from urllib.parse import quote

    forms = {form for secret in secrets if secret for form in (secret, quote(secret, safe=""))}
    return tuple(sorted(forms, key=lambda form: (-len(form), form)))
