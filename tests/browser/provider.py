"""A small OpenID Connect provider on this machine: logs in whomever the test names."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwk, jwt

CLIENT = "retrack"


@dataclass
class Provider:
    """The code flow with a signed ID token (OpenID Connect Core 1.0, section 3.1)."""

    person: dict[str, Any] = field(default_factory=dict)
    """Claims of who logs in next."""
    key: Any = field(default_factory=lambda: jwk.RSAKey.generate_key(2048, {"kid": "one"}))
    codes: dict[str, dict[str, Any]] = field(default_factory=dict)

    def start(self) -> Provider:
        """Serve on a free port until ``stop``."""
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.get(self)

            def do_POST(self) -> None:
                form = self.rfile.read(int(self.headers["content-length"])).decode()
                provider.token(self, {k: v[0] for k, v in parse_qs(form).items()})

            def log_message(self, *_: Any) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        return self

    def stop(self) -> None:
        """Free the port."""
        self.http.shutdown()
        self.http.server_close()

    def secrets(self) -> str:
        """The part of ``secrets.toml`` that sends Streamlit here."""
        return (
            "[auth]\n"
            'redirect_uri = "http://localhost:{port}/oauth2callback"\n'
            'cookie_secret = "a secret of this test alone"\n'
            f'client_id = "{CLIENT}"\nclient_secret = "known to both"\n'
            f'server_metadata_url = "{self.url}/.well-known/openid-configuration"\n'
        )

    def get(self, request: BaseHTTPRequestHandler) -> None:
        """Metadata, keys, and the login: it asks nothing and sends the browser back."""
        place = urlsplit(request.path)
        asked = {name: values[0] for name, values in parse_qs(place.query).items()}
        if place.path == "/.well-known/openid-configuration":
            answer(
                request,
                {
                    "issuer": self.url,
                    "authorization_endpoint": f"{self.url}/authorize",
                    "token_endpoint": f"{self.url}/token",
                    "jwks_uri": f"{self.url}/keys",
                    "response_types_supported": ["code"],
                    "subject_types_supported": ["public"],
                    "id_token_signing_alg_values_supported": ["RS256"],
                },
            )
        elif place.path == "/keys":
            answer(request, {"keys": [self.key.as_dict(private=False)]})
        elif place.path == "/authorize" and asked.get("client_id") == CLIENT:
            code = f"code-{len(self.codes)}"
            self.codes[code] = {"nonce": asked.get("nonce"), **self.person}
            back = urlencode({"code": code, "state": asked["state"]})
            request.send_response(302)
            request.send_header("Location", f"{asked['redirect_uri']}?{back}")
            request.end_headers()
        else:
            request.send_error(404)

    def token(self, request: BaseHTTPRequestHandler, form: dict[str, str]) -> None:
        """A code for a token, once."""
        claims = self.codes.pop(form.get("code", ""), None)
        if claims is None:
            request.send_error(400)
            return
        now = int(time.time())
        claims |= {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 600}
        token = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key)
        answer(
            request,
            {"access_token": "x", "token_type": "Bearer", "expires_in": 600, "id_token": token},
        )


def answer(request: BaseHTTPRequestHandler, content: dict[str, Any]) -> None:
    """Answer with JSON."""
    body = json.dumps(content).encode()
    request.send_response(200)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)
