"""The public keys that verify access tokens."""

import base64
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Response
from pydantic import Field

from api.deps import CurrentRuntime, Now
from api.types import Out
from services.keyring import Keyring

router = APIRouter(prefix="/.well-known", tags=["public"])

CACHED: Final = "public, max-age=300"


class JwkOut(Out):
    """An Ed25519 public key (RFC 8037)."""

    kty: Literal["OKP"] = "OKP"
    crv: Literal["Ed25519"] = "Ed25519"
    use: Literal["sig"] = "sig"
    alg: Literal["EdDSA"] = "EdDSA"
    kid: Annotated[str, Field(examples=["20260310050000-9f3c1a2b"])]
    x: Annotated[str, Field(examples=["11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"])]


class JwksOut(Out):
    """A set of keys (RFC 7517): the current one first, then the next one and those whose tokens may live yet."""

    keys: list[JwkOut]


def read_out(keys: Keyring, name: str) -> JwkOut:
    """A public key as a JWK."""
    raw = keys.signing[name].public_key().public_bytes_raw()
    return JwkOut(kid=name, x=base64.urlsafe_b64encode(raw).rstrip(b"=").decode())


@router.get("/jwks.json", summary="Keys of access tokens")
async def get_jwks(runtime: CurrentRuntime, now: Now, response: Response) -> JwksOut:
    """What verifies our access tokens. A key stands here before it signs, so a copy may be kept for minutes."""
    keys = runtime.tokens.current_keys(now)
    response.headers["cache-control"] = CACHED
    names = sorted(keys.signing, key=lambda name: (name != keys.current_signing_id, name))
    return JwksOut(keys=[read_out(keys, name) for name in names])
