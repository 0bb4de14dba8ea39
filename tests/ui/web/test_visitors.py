"""Who a visitor is: keys that this server made, and those of the release before."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from pipeline.settings import Settings
from pipeline.visitors import network_of
from tests.ui.routes.routed import app_of, client, finished, headers, service_of
from ui.incoming import uploads
from ui.parts.login import login_of
from ui.service import Service, owners_before
from ui.web.visitor import COOKIE, checked_key, new_key, signed_key, visitor_name


def test_a_key_is_one_that_this_server_made(service: Service, app: Starlette) -> None:
    fresh = client(app, None)
    fresh.get("/")
    made = fresh.cookies[COOKIE]
    assert checked_key(made, service) == made.partition(".")[0]
    for invented in ("A" * 31 + "0", new_key(), signed_key(new_key(), b"another secret"), "", "."):
        assert checked_key(invented, service) is None
        assert checked_key(invented + made[-33:], service) is None
        browser = TestClient(app, cookies={COOKIE: invented})
        given = headers(service, invented, **{"Upload-Length": "5"})
        assert browser.post(uploads.URL, headers=given).status_code == 403
        assert COOKIE in browser.get("/").headers["set-cookie"], "it gets one of ours"


def test_the_keys_of_one_address_have_something_in_common(app: Starlette) -> None:
    """By which what their visitors take is counted together; the address is not in it."""

    def name(*address: str) -> str:
        fresh = TestClient(app, client=(address[0], 50000))
        fresh.get("/")
        key = fresh.cookies[COOKIE].partition(".")[0]
        assert address[0] not in key
        return visitor_name(key)

    one, two = name("192.0.2.1"), name("192.0.2.1")
    assert one != two and network_of(one) == network_of(two)
    assert network_of(one) == network_of(name("::ffff:192.0.2.1"))
    assert network_of(name("2001:db8::1")) == network_of(name("2001:db8::2"))
    others = [name("192.0.2.2"), name("127.0.0.1"), name("127.0.0.1"), name("2001:db8:1::1")]
    assert len({network_of(other) for other in (one, *others)}) == 5
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in (one, two, *others))


def test_a_key_of_an_earlier_release_counts_while_something_is_its(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(outputs=tmp_path / "outputs", visibility="private")
    owner, uploading, gone, nobody = (new_key() for _ in range(4))
    with service_of(settings, monkeypatch) as service:
        ours, left = finished(service, owner), finished(service, gone)
        service.store.delete(left.id)  # in the history now
        uploads.folder_of(service, visitor_name(uploading)).mkdir(parents=True)
        owners = owners_before(service.store, settings.outputs)
    with service_of(settings, monkeypatch, earlier=owners) as service:
        app = app_of()
        address = f"/files/{ours.id}/modular"
        for old, found in ((owner, 200), (uploading, 404), (gone, 404), (nobody, 404)):
            browser = TestClient(app, cookies={COOKIE: old})
            assert browser.get(address).status_code == found
            signed = browser.get("/").headers["set-cookie"].partition(";")[0].partition("=")[2]
            kept = signed.partition(".")[0] == old
            assert kept is (old != nobody)
            assert checked_key(signed, service) is not None
            again = TestClient(app, cookies={COOKIE: signed})
            assert again.get(address).status_code == found
            assert "set-cookie" not in again.get("/").headers


ANA = {"iss": "https://id.example", "sub": "1", "email": "ana@example.com"}
BY_MAIL = visitor_name("login:ana@example.com")


def test_a_login_is_its_issuer_and_subject() -> None:
    ana = login_of(ANA, providers=1)
    assert ana is not None
    assert ana.earlier == set(), "nobody has verified the address"
    assert ana.ids == {"https://id.example 1"}
    claimed = login_of({**ANA, "iss": "https://other.example"}, providers=2)
    assert claimed is not None and claimed.name != ana.name, "another provider's 1"
    for verified in (True, "true"):
        sure = login_of({**ANA, "email_verified": verified}, providers=1)
        assert sure is not None and sure.name == ana.name
        assert sure.earlier == {BY_MAIL}, "what an earlier release kept by the address"
        assert sure.ids == {"ana@example.com", "https://id.example 1"}
    for doubtful in (False, "false", None, "", 0):
        unsure = login_of({**ANA, "email_verified": doubtful}, providers=1)
        assert unsure is not None and BY_MAIL not in {unsure.name, *unsure.earlier}


def test_a_login_without_a_subject_needs_a_verified_address() -> None:
    assert login_of({"email": "ana@example.com"}, providers=1) is None
    assert login_of({"sub": "1"}, providers=1) is None
    known = login_of({"email": "ana@example.com", "email_verified": True}, providers=1)
    assert known is not None and known.name == BY_MAIL


def test_a_subject_without_an_address_was_the_name_where_there_is_one_provider() -> None:
    bo = {"iss": "https://id.example", "sub": "2"}
    one, two = login_of(bo, providers=1), login_of(bo, providers=2)
    assert one is not None and one.earlier == {visitor_name("login:2")}
    assert two is not None and two.earlier == set()
