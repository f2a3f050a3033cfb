"""Tokens: which are accepted, and the many ways to forge one."""

import base64
import hashlib
import hmac
import json
import os
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from jwt import PyJWS, get_algorithm_by_name

from bvinv.core.errors import InvalidInput
from bvinv.settings import Settings
from bvinv.web.openness import check_open
from bvinv.web.tokens import Claims, Tokens, Unauthenticated

SECRET = "pR0v7kqXc2sJ9wLzT4nYh8mBf1dGaE6uVtQyIxOjKrWlZbNe5CgMi3DpUoSA7FhH"
NOW = 1_800_000_000
CLAIMS = {
    "iss": "https://id.example",
    "aud": "bvinv",
    "sub": "checkout",
    "role": "service",
    "iat": NOW - 10,
    "exp": NOW + 600,
}
GOOD = Claims("checkout", "service", NOW + 600)
SAID = {"jwt_issuer": "https://id.example", "jwt_audience": "bvinv"}


@cache
def pair(kind):
    """Return a private key of a kind."""
    match kind:
        case "RSA":
            return rsa.generate_private_key(65537, 2048)
        case "small":
            return rsa.generate_private_key(65537, 1024)
        case "P-256":
            return ec.generate_private_key(ec.SECP256R1())
        case "P-384":
            return ec.generate_private_key(ec.SECP384R1())
        case _:
            return ed25519.Ed25519PrivateKey.generate()


KINDS = {"RS256": "RSA", "PS256": "RSA", "ES256": "P-256", "EdDSA": "Ed25519"}


def pem(kind):
    return pair(kind).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def jwk(kind, algorithm, **more):
    return get_algorithm_by_name(algorithm).to_jwk(pair(kind).public_key(), as_dict=True) | more


def packed(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def signed(claims, key=SECRET, algorithm="HS256", **headers):
    """Return a token; claims may be the bytes to sign."""
    content = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    return PyJWS().encode(content, key, algorithm, headers or None)


def forged(header, claims=CLAIMS, key=SECRET, digest="sha256"):
    """Return a token with this very header, signed as HMAC with whatever key is known."""
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    body = f"{packed(head)}.{packed(json.dumps(claims).encode())}"
    known = key if isinstance(key, bytes) else key.encode()
    return f"{body}.{packed(hmac.new(known, body.encode(), digest).digest())}"


def changed(**claims):
    """Return a token of the right issuer with other claims; None leaves one out."""
    said = {name: one for name, one in (CLAIMS | claims).items() if one is not None}
    return signed(said)


def tokens(**said):
    said = said or {"jwt_secret": SECRET}
    found = Tokens.of(Settings(**(SAID | said)))
    assert found is not None
    return found


def refused(reader, token, now=NOW):
    with pytest.raises(Unauthenticated) as caught:
        reader.read(token, now=now)
    assert caught.value.__cause__ is None
    said = str(caught.value)
    assert token[:20] not in said or not token
    return said


@pytest.fixture(autouse=True)
def _plain(monkeypatch):
    for name in list(os.environ):
        if name.startswith("BVINV_"):
            monkeypatch.delenv(name)


@pytest.fixture
def kept(tmp_path):
    """Return what writes a file that only its owner reads."""

    def keep(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(0o600)
        return str(path)

    return keep


def of_json(text):
    return signed(text.encode())


def tampered():
    head, body, signature = signed(CLAIMS).split(".")
    other = packed(json.dumps(CLAIMS | {"role": "admin"}).encode())
    assert other != body
    return f"{head}.{other}.{signature}"


def twice(name):
    said = json.dumps(CLAIMS)
    return of_json(f'{said[:-1]}, "{name}": {json.dumps(CLAIMS[name])}}}')


HS = {"alg": "HS256", "typ": "JWT"}
UNSIGNED = packed(json.dumps(CLAIMS).encode())
# RELIABILITY F-01, each by its name there, and more of their kind.
FORGED = {
    "alg none": f"{packed(json.dumps({'alg': 'none'}).encode())}.{UNSIGNED}.",
    "alg None, signed": forged({"alg": "None"}),
    "alg nOnE": f"{packed(json.dumps({'alg': 'nOnE'}).encode())}.{UNSIGNED}.",
    "alg none, signed": forged({"alg": "none"}),
    "no alg": forged({"typ": "JWT"}),
    "alg is no text": forged({"alg": ["HS256"]}),
    "empty signature": signed(CLAIMS).rpartition(".")[0] + ".",
    "no signature": signed(CLAIMS).rpartition(".")[0],
    "HS512": signed(CLAIMS, algorithm="HS512"),
    "HS384": signed(CLAIMS, algorithm="HS384"),
    "another secret": signed(CLAIMS, "x" * 40),
    "an empty secret": forged(HS, key=""),
    "jwk": forged(HS | {"jwk": {"kty": "oct", "k": packed(SECRET.encode())}}),
    "jku": forged(HS | {"jku": "https://evil.example/keys"}),
    "x5u": forged(HS | {"x5u": "https://evil.example/cert"}),
    "x5c": forged(HS | {"x5c": ["MII"]}),
    "kid of a file": forged(HS | {"kid": "../../dev/null"}, key=""),
    "kid of a file, well signed": forged(HS | {"kid": "../../dev/null"}),
    "kid of SQL": forged(HS | {"kid": "' OR 1=1"}),
    "kid is no text": forged(HS | {"kid": 1}),
    "crit": forged(HS | {"crit": ["exp"]}),
    "crit b64": forged(HS | {"crit": ["b64"], "b64": False}),
    "b64": forged(HS | {"b64": True}),
    "zip": forged(HS | {"zip": "DEF"}),
    "refresh token": forged(HS | {"typ": "rt+jwt"}),
    "typ is no text": forged(HS | {"typ": 1}),
    "header twice": forged(b'{"alg":"none","alg":"HS256"}'),
    "header is a list": forged(["HS256"]),
    "header is no JSON": forged(b"HS256"),
    "header is no UTF-8": forged(b"\xff\xfe"),
    "no exp": changed(exp=None),
    "exp is text": changed(exp=str(NOW + 600)),
    "exp 1e30": of_json(json.dumps(CLAIMS).replace(f'"exp": {NOW + 600}', '"exp": 1e30')),
    "exp 1e400": of_json(json.dumps(CLAIMS).replace(f'"exp": {NOW + 600}', '"exp": 1e400')),
    "exp NaN": of_json(json.dumps(CLAIMS).replace(f'"exp": {NOW + 600}', '"exp": NaN')),
    "exp huge": changed(exp=10**400),
    "exp of 5000 digits": of_json(
        json.dumps(CLAIMS).replace(f'"exp": {NOW + 600}', f'"exp": {"9" * 5000}')
    ),
    "exp true": changed(exp=True),
    "exp before 1970": changed(exp=-1),
    "expired": changed(iat=NOW - 600, exp=NOW),
    "nbf future": changed(nbf=NOW + 31),
    "nbf is text": changed(nbf="0"),
    "no iat": changed(iat=None),
    "iat future": changed(iat=NOW + 31),
    "iat is text": changed(iat="0"),
    "iat true": changed(iat=True),
    "exp before iat": changed(iat=NOW + 20, exp=NOW + 10),
    "lives too long": changed(exp=NOW + 3591),
    "wrong aud": changed(aud="shop"),
    "aud in capitals": changed(aud="BVINV"),
    "no aud": changed(aud=None),
    "array aud": changed(aud=["shop", "search"]),
    "array aud with ours": changed(aud=["bvinv", "shop"]),
    "array aud of ours": changed(aud=["bvinv"]),
    "empty aud": changed(aud=""),
    "wrong iss": changed(iss="https://evil.example"),
    "no iss": changed(iss=None),
    "array iss": changed(iss=["https://id.example"]),
    "refresh by typ": changed(typ="Refresh"),
    "refresh by token_use": changed(token_use="refresh"),
    "an ID token": changed(token_use="id"),
    "type is no text": changed(type=1),
    "no sub": changed(sub=None),
    "empty sub": changed(sub=""),
    "sub is a number": changed(sub=7),
    "sub with spaces around": changed(sub=" checkout"),
    "sub too long": changed(sub="x" * 101),
    "sub with a control character": changed(sub="check\nout"),
    "sub that is not printable": changed(sub="check\u202eout"),
    "sub not composed": changed(sub="e\u0301ve"),
    "sub with a lone surrogate": changed(sub="\ud800"),
    "no role": changed(role=None),
    "role that is none": changed(role="root"),
    "role in capitals": changed(role="Admin"),
    "role is a list": changed(role=["admin"]),
    "duplicate exp": twice("exp"),
    "duplicate role": twice("role"),
    "tampered role": tampered(),
    "claims are a list": signed(b"[]"),
    "claims are no JSON": signed(b"checkout"),
    "claims are no UTF-8": signed(b'{"sub":"\xff"}'),
    "claims nested deeply": signed(b"[" * 2000 + b"]" * 2000),
    "100 KB": changed(note="x" * 100_000),
    "empty": "",
    "dots": "..",
    "one part": "abc",
    "four parts": f"{signed(CLAIMS)}.e30",
    "padding": f"{signed(CLAIMS)}==",
    "a space": f"{signed(CLAIMS)} ",
    "a line feed": f"{signed(CLAIMS)}\n",
    "not ASCII": f"{signed(CLAIMS)}é",
    "a lone surrogate": "\ud800.\ud800.\ud800",
    "an API key": "bvinv_" + "A" * 43,
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_token_is_refused(name):
    refused(tokens(), FORGED[name])


def test_there_are_enough_forgeries_and_what_they_were_made_of_is_good():
    assert len(FORGED) >= 25
    reader = tokens()
    for good in (signed(CLAIMS), forged(HS), changed(), of_json(json.dumps(CLAIMS))):
        assert reader.read(good, now=NOW) == GOOD


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA"])
def test_a_public_key_does_not_verify_what_was_signed_with_it_as_a_secret(kept, algorithm):
    public = pem(KINDS[algorithm])
    reader = tokens(jwt_key_file=kept("key.pem", public), jwt_algorithm=algorithm)
    for header in (HS, HS | {"alg": algorithm}, HS | {"alg": "none"}):
        for key in (public, public.strip(), hashlib.sha256(public).digest()):
            refused(reader, forged(header, key=key))


@pytest.mark.parametrize(
    ("token", "said"),
    [
        (changed(iat=NOW - 600, exp=NOW), "the token has expired"),
        (changed(nbf=NOW + 31), "the token does not count yet"),
        (changed(exp=NOW + 3591), "the token lives too long"),
        (changed(iss="x"), "the token is from another issuer"),
        (changed(aud="x"), "the token is for another audience"),
        (changed(typ="Refresh"), "the token is not for access"),
        (changed(sub=None), "the token has no usable sub"),
        (changed(iat="x"), "the token has no usable iat"),
        (changed(role="x"), "the token has no role that is known here"),
        (tampered(), "the token is not valid"),
    ],
)
def test_the_reason_is_said_only_to_who_has_a_signed_token(token, said):
    assert refused(tokens(), token) == said


@pytest.mark.parametrize(
    ("claims", "headers"),
    [
        ({}, {}),
        ({}, {"typ": None}),
        ({}, {"typ": "at+jwt"}),
        ({}, {"typ": "jwt"}),
        ({}, {"typ": "application/at+jwt", "kid": "2026-03:main=", "x5t": "abc"}),
        ({"nbf": NOW + 30, "iat": NOW + 30}, {}),
        ({"iat": NOW - 2999.5, "exp": NOW + 600.25}, {}),
        ({"exp": NOW + 3590}, {}),
        ({"jti": "1", "scope": "all", "typ": "Bearer", "token_use": "access"}, {}),
        ({"sub": "auth0|5f7c"}, {}),
        ({"sub": "CN=Ann Author,O=Quay"}, {}),
        ({"sub": "\u00e9ve" + "x" * 97}, {}),
        ({"role": "admin"}, {}),
    ],
)
def test_what_is_sound_is_accepted(claims, headers):
    said = CLAIMS | claims
    token = signed(said, **headers)
    expected = Claims(str(said["sub"]), str(said["role"]), said["exp"])
    assert tokens().read(token, now=NOW) == expected


def test_a_token_counts_until_its_last_moment_and_from_half_a_minute_before_its_first():
    reader = tokens()
    assert reader.read(signed(CLAIMS), now=NOW + 599.9) == GOOD
    assert refused(reader, signed(CLAIMS), now=NOW + 600) == "the token has expired"
    assert reader.read(signed(CLAIMS), now=NOW - 40) == GOOD
    assert refused(reader, signed(CLAIMS), now=NOW - 41) == "the token does not count yet"


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_secret_from_a_file_or_the_environment(kept, algorithm):
    token = signed(CLAIMS, SECRET, algorithm)
    for said in ({"jwt_secret_file": kept("secret", f"{SECRET}\n")}, {"jwt_secret": SECRET}):
        reader = tokens(jwt_algorithm=algorithm, **said)
        assert reader.read(token, now=NOW) == GOOD
        others = {"HS256", "HS384", "HS512"} - {algorithm}
        for other in others:
            refused(reader, signed(CLAIMS, SECRET, other))


@pytest.mark.parametrize(("algorithm", "kind"), KINDS.items())
def test_a_public_key_and_a_set_of_them(kept, algorithm, kind):
    one = tokens(jwt_key_file=kept("key.pem", pem(kind)), jwt_algorithm=algorithm)
    token = signed(CLAIMS, pair(kind), algorithm, kid="k1")
    assert one.read(token, now=NOW) == GOOD
    assert one.read(signed(CLAIMS, pair(kind), algorithm), now=NOW) == GOOD

    entries = [
        jwk(kind, algorithm, kid="k1"),
        jwk(kind, algorithm, kid="enc", use="enc"),
        jwk(kind, algorithm, kid="other", alg="RS512"),
        jwk(kind, algorithm, kid="sign", key_ops=["sign"]),
        jwk(kind, algorithm),
        jwk("P-384", "ES384", kid="p384"),
        {"kty": "new", "kid": "new"},
        "nonsense",
    ]
    many = tokens(
        jwt_jwks_file=kept("keys.json", json.dumps({"keys": entries})), jwt_algorithm=algorithm
    )
    assert many.read(token, now=NOW) == GOOD
    for kid in ("enc", "other", "sign", "p384", "new", "K1", "k2"):
        refused(many, signed(CLAIMS, pair(kind), algorithm, kid=kid))
    refused(many, signed(CLAIMS, pair(kind), algorithm))
    refused(many, forged({"alg": algorithm, "kid": ""}))


def test_rs256_and_ps256_are_two_algorithms(kept):
    path = kept("key.pem", pem("RSA"))
    refused(tokens(jwt_key_file=path, jwt_algorithm="RS256"), signed(CLAIMS, pair("RSA"), "PS256"))
    refused(tokens(jwt_key_file=path, jwt_algorithm="PS256"), signed(CLAIMS, pair("RSA"), "RS256"))


def test_a_file_that_changes_is_read_again_a_second_later(kept):
    def put(*kids):
        entries = [jwk("Ed25519", "EdDSA", kid=kid) for kid in kids]
        return kept("keys.json", json.dumps({"keys": entries}))

    reader = tokens(jwt_jwks_file=put("old"), jwt_algorithm="EdDSA")
    old = signed(CLAIMS, pair("Ed25519"), "EdDSA", kid="old")
    new = signed(CLAIMS, pair("Ed25519"), "EdDSA", kid="new")
    assert reader.read(old, now=NOW) == GOOD

    path = put("newer", "new")
    refused(reader, new, now=NOW + 0.5)
    assert reader.read(new, now=NOW + 1) == GOOD
    refused(reader, old, now=NOW + 1)

    # What is half written, or open to others, leaves the last good keys.
    kept("keys.json", "{")
    assert reader.read(new, now=NOW + 2) == GOOD
    put("old")
    Path(path).chmod(0o666)
    assert reader.read(new, now=NOW + 3) == GOOD
    Path(path).chmod(0o600)
    Path(path).unlink()
    assert reader.read(new, now=NOW + 4) == GOOD
    put("old", "older")
    assert reader.read(old, now=NOW + 5) == GOOD
    refused(reader, new, now=NOW + 5)


def test_without_settings_there_are_no_tokens():
    assert Tokens.of(Settings()) is None


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"jwt_secret": SECRET[:31]}, "has 31 bytes; HS256 needs 32 at least"),
        ({"jwt_secret": SECRET[:47], "jwt_algorithm": "HS384"}, "47 bytes; HS384 needs 48"),
        ({"jwt_secret": SECRET[:63], "jwt_algorithm": "HS512"}, "63 bytes; HS512 needs 64"),
        ({"jwt_secret": "x" * 64}, "somebody can guess"),
        ({"jwt_secret": "0123456789abcdef" * 2}, "somebody can guess"),
        ({"jwt_secret": "a-string-secret-at-least-256-bits-long"}, "somebody can guess"),
        ({"jwt_secret": "your-256-bit-secret-your-512-bit-secret"}, "somebody can guess"),
        ({"jwt_secret": "CHANGEME-please-this-is-not-a-secret"}, "somebody can guess"),
        (
            {"jwt_secret": "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7"},
            "somebody can guess",
        ),
        ({"jwt_secret": SECRET, "jwt_algorithm": "none"}, "BVINV_JWT_ALGORITHM is one of HS256"),
        ({"jwt_secret": SECRET, "jwt_algorithm": "hs256"}, "BVINV_JWT_ALGORITHM is one of"),
        ({"jwt_secret": SECRET, "jwt_algorithm": "ES256K"}, "BVINV_JWT_ALGORITHM is one of"),
        (
            {"jwt_secret": SECRET, "jwt_algorithm": "RS256"},
            "BVINV_JWT_ALGORITHM does not go with BVINV_JWT_SECRET",
        ),
        (
            {"jwt_key_file": "key.pem", "jwt_algorithm": "HS256"},
            "BVINV_JWT_ALGORITHM does not go with BVINV_JWT_KEY_FILE",
        ),
        (
            {"jwt_secret": SECRET, "jwt_key_file": "key.pem"},
            "not BVINV_JWT_SECRET and BVINV_JWT_KEY_FILE",
        ),
        ({"jwt_secret": SECRET, "jwt_issuer": ""}, "tokens need BVINV_JWT_ISSUER"),
        ({"jwt_secret": SECRET, "jwt_audience": ""}, "tokens need BVINV_JWT_AUDIENCE"),
        ({"jwt_secret": ""}, "there is no key to verify tokens with"),
        ({"jwt_secret_file": "missing"}, "'missing', cannot be read: No such file"),
        ({"jwt_secret_file": "."}, r"\. is no file|cannot be read"),
        ({"jwt_secret_file": "a\0b"}, "cannot be read"),
    ],
)
def test_settings_that_are_not_safe_are_refused(tmp_path, monkeypatch, said, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInput, match=message) as caught:
        Tokens.of(Settings(**(SAID | said)))
    given = said.get("jwt_secret") or SECRET
    assert given not in f"{caught.value} {caught.value.hint}"


def private_pem():
    return pair("RSA").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    ("setting", "algorithm", "content", "message"),
    [
        ("key", "RS256", lambda: pem("small"), "does not fit RS256: that takes one RSA of 2048"),
        ("key", "RS256", lambda: pem("P-256"), "does not fit RS256"),
        ("key", "PS256", lambda: pem("Ed25519"), "does not fit PS256"),
        ("key", "ES256", lambda: pem("P-384"), "does not fit ES256: that takes one on the curve"),
        ("key", "ES256", lambda: pem("RSA"), "does not fit ES256"),
        ("key", "EdDSA", lambda: pem("P-256"), "does not fit EdDSA: that takes one Ed25519"),
        ("key", "RS256", private_pem, "has a private key in it"),
        ("key", "RS256", lambda: b"nonsense", "is no public key in PEM"),
        ("key", "RS256", lambda: b"", "is no public key in PEM"),
        ("jwks", "RS256", lambda: b"nonsense", "is no JWK set"),
        ("jwks", "RS256", lambda: b'{"keys": {}}', "is no JWK set"),
        ("jwks", "RS256", lambda: b'{"keys": []}', "has no key for RS256"),
        (
            "jwks",
            "RS256",
            lambda: json.dumps({"keys": [jwk("P-256", "ES256", kid="k")]}).encode(),
            "has no key for RS256",
        ),
        (
            "jwks",
            "ES256",
            lambda: json.dumps({"keys": [jwk("P-256", "ES256", kid="k")] * 2}).encode(),
            "has two keys of one kid",
        ),
        (
            "jwks",
            "EdDSA",
            lambda: json.dumps({"keys": [{"kty": "oct", "k": "AAAA", "kid": "k"}]}).encode(),
            "has a private key in it",
        ),
        ("secret", "HS256", lambda: pem("P-256"), "is a key of another kind"),
        ("secret", "HS256", lambda: b"", "has 0 bytes"),
    ],
)
def test_keys_that_do_not_fit_are_refused(kept, setting, algorithm, content, message):
    said = {f"jwt_{setting}_file": kept("key", content()), "jwt_algorithm": algorithm}
    with pytest.raises(InvalidInput, match=message):
        Tokens.of(Settings(**(SAID | said)))


@pytest.mark.skipif(os.name != "posix", reason="the rights of files are said otherwise there")
@pytest.mark.parametrize(
    ("setting", "mode", "message"),
    [
        ("secret", 0o604, "others may read"),
        ("secret", 0o644, "others may read"),
        ("secret", 0o620, "others may write"),
        ("secret", 0o602, "others may write"),
        ("secret", 0o640, ""),
        ("secret", 0o400, ""),
        ("key", 0o646, "others may write"),
        ("key", 0o664, "others may write"),
        ("key", 0o644, ""),
    ],
)
def test_files_that_others_could_use_are_refused(kept, setting, mode, message):
    path = kept("key", SECRET if setting == "secret" else pem("Ed25519"))
    Path(path).chmod(mode)
    said = {f"jwt_{setting}_file": path}
    said["jwt_algorithm"] = "HS256" if setting == "secret" else "EdDSA"
    if not message:
        assert tokens(**said)
        return
    with pytest.raises(InvalidInput, match=message):
        Tokens.of(Settings(**(SAID | said)))


@pytest.mark.skipif(os.name != "posix", reason="there are no pipes with names")
def test_a_pipe_is_no_key_file(tmp_path):
    os.mkfifo(tmp_path / "key", 0o600)
    with pytest.raises(InvalidInput, match="is no file, or too large"):
        Tokens.of(Settings(**SAID, jwt_secret_file=str(tmp_path / "key")))


def test_no_token_of_random_changes_is_accepted():
    """Every bit of a token counts: whichever character changes, it is not this token any more."""
    reader, token = tokens(), signed(CLAIMS)
    for place in range(len(token)):
        for other in "A_.=":
            if token[place] != other:
                with suppress(Unauthenticated):
                    reader.read(token[:place] + other + token[place + 1 :], now=NOW)
                    raise AssertionError(place)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.9.1", "::1", "localhost", "LOCALHOST", "0:0:0:0:0:0:0:1"]
)
def test_only_this_machine_is_let_in_without_keys(host):
    check_open(host, False, None)


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "", "192.168.1.2", "example.com", "localhost.example.com", "127.0.0.1.x"],
)
def test_a_server_that_others_reach_needs_keys_or_tokens(host):
    check_open(host, True, None)
    check_open(host, False, tokens())
    with pytest.raises(InvalidInput, match="could do anything") as caught:
        check_open(host, False, None)
    assert "bvinv keys create" in str(caught.value.hint)
