"""Signs in at a running Handstamp through the dev login and checks its token with PyJWT, as any Python service would.

usage: verify.py <PUBLIC_URL>
"""

import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from base64 import urlsafe_b64decode, urlsafe_b64encode
from http.cookiejar import CookieJar

import jwt

EMAIL = "ada@example.com"


def sign_in(base):
    """The dev login, without a browser: the token response, and the jar that holds the cookies."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    browser.addheaders = [("Accept", "application/json")]
    with browser.open(f"{base}/auth/dev", timeout=10) as page:
        form_url = page.url
    form = urllib.parse.urlencode({"email": EMAIL, "name": "Ada"}).encode()
    request = urllib.request.Request(form_url, data=form, headers={"Origin": base})
    with browser.open(request, timeout=10) as answer:
        return json.load(answer), browser


def refused(why, check, *args, error=jwt.InvalidTokenError):
    try:
        check(*args)
    except error as problem:
        print(f"ok - {why} is refused ({type(problem).__name__})")
        return
    raise SystemExit(f"not ok - {why} was accepted")


def main(base):
    tokens, browser = sign_in(base)
    token = tokens["access_token"]
    keys = jwt.PyJWKClient(f"{base}/.well-known/jwks.json")

    def verify(token, audience=base, issuer=base):
        key = keys.get_signing_key_from_jwt(token).key
        return jwt.decode(token, key, algorithms=["RS256"], audience=audience, issuer=issuer,
                          options={"require": ["exp", "iat", "iss", "aud", "sub"]})

    claims = verify(token)
    assert claims["email"] == EMAIL and claims["email_verified"] is True, claims
    assert claims["sub"].startswith("dev|") and claims["provider"] == "dev", claims
    print(f"ok - PyJWT {jwt.__version__} accepts the token of {claims['email']}")

    with browser.open(f"{base}/auth/me", timeout=10) as answer:
        assert json.load(answer)["email"] == EMAIL
    print("ok - /auth/me knows the browser")

    header, payload, signature = token.split(".")
    forged = json.loads(urlsafe_b64decode(payload + "=="))
    forged["email"] = "mallory@example.com"
    forged = urlsafe_b64encode(json.dumps(forged).encode()).rstrip(b"=").decode()
    refused("a token with another payload", verify, f"{header}.{forged}.{signature}")
    swapped = ("B" if signature[0] == "A" else "A") + signature[1:]
    refused("a token with another signature", verify, f"{header}.{payload}.{swapped}")
    refused("a token for another audience", lambda: verify(token, audience="https://elsewhere.example"))
    refused("a token of another issuer", lambda: verify(token, issuer="https://elsewhere.example"))
    unsigned = jwt.encode(claims, None, algorithm="none", headers={"kid": jwt.get_unverified_header(token)["kid"]})
    refused("an unsigned token", verify, unsigned)

    request = urllib.request.Request(f"{base}/auth/me", headers={"Authorization": f"Bearer {header}.{forged}.{signature}"})
    refused("a forged bearer at /auth/me", urllib.request.urlopen, request, error=urllib.error.HTTPError)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(sys.argv[1].rstrip("/"))
