"""Signs in at a running Handstamp through the dev login and checks its token with PyJWT, as any Python service would.
The check is the one that docs/verify-tokens.md and the README show, run as it stands there.

usage: verify.py <PUBLIC_URL>
"""

import json
import re
import sys
import urllib.error
import urllib.parse
import urllib.request
from base64 import urlsafe_b64decode, urlsafe_b64encode
from http.cookiejar import CookieJar
from pathlib import Path

import jwt

EMAIL = "ada@example.com"
ROOT = Path(__file__).resolve().parents[2]


def documented(page, issuer):
    """What a page shows for Python, with this issuer filled in."""
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    shown = {}
    exec(code.replace("http://localhost:3000", issuer), shown)
    return shown


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
    shown = documented("docs/verify-tokens.md", base)
    verify = shown["verify"]
    claims = verify(token)
    assert claims == documented("README.md", base)["verify"](token)
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
    unsigned = jwt.encode(claims, None, algorithm="none", headers={"kid": jwt.get_unverified_header(token)["kid"]})
    refused("an unsigned token", verify, unsigned)
    for name, what in [("AUDIENCE", "a token for another audience"), ("ISSUER", "a token of another issuer")]:
        ours, shown[name] = shown[name], "https://elsewhere.example"
        refused(what, verify, token)
        shown[name] = ours

    request = urllib.request.Request(f"{base}/auth/me", headers={"Authorization": f"Bearer {header}.{forged}.{signature}"})
    refused("a forged bearer at /auth/me", urllib.request.urlopen, request, error=urllib.error.HTTPError)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(sys.argv[1].rstrip("/"))
