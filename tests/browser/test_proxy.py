"""Behind Debian's nginx with TLS: each browser sees its own, whatever the proxy makes of Host."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.browser.serving import Server, free_port
from tests.browser.steps import hand_in, put_in, task_of, until, wait_done, wait_rows
from ui.words.text import say

pytestmark = pytest.mark.browser
NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
NAME = "retrack.example"
LIVE = """
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        proxy_request_buffering off;
        client_max_body_size 0;
"""
"""What docs/deployment.md says for websockets and uploads."""
KEPT = (
    LIVE
    + """
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
"""
)
REWRITTEN = LIVE
"""nginx sends the address of its own ``proxy_pass`` as the Host."""
BARE = ""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``cert.pem`` and ``key.pem``, signed by nobody else."""
    if NGINX is None:
        pytest.skip("no nginx: install Debian's package (tests/packages.txt)")
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("certificate")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"),
            *("-keyout", "key.pem", "-out", "cert.pem"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture
def proxy(certificate: Path, tmp_path: Path) -> Iterator[Callable[[int, int, str], str]]:
    """Starts an nginx on a port in front of a server's port; gives the address of the page."""
    running: list[subprocess.Popen[bytes]] = []

    def start(port: int, server_port: int, location: str) -> str:
        (tmp_path / "nginx.conf").write_text(
            f"""
daemon off; master_process off; pid nginx.pid; error_log error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {certificate}/cert.pem;
        ssl_certificate_key {certificate}/key.pem;
        location / {{
        proxy_pass http://127.0.0.1:{server_port};{location}
        }}
    }}
}}
"""
        )
        assert NGINX is not None
        command = [NGINX, "-p", str(tmp_path), "-c", "nginx.conf", "-e", "error.log"]
        running.append(subprocess.Popen(command))
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and running[-1].poll() is None:
            try:
                httpx.get(f"https://127.0.0.1:{port}/_stcore/health", verify=False)  # noqa: S501
            except httpx.TransportError:
                time.sleep(0.1)
            else:
                return f"https://{NAME}:{port}"
        raise RuntimeError((tmp_path / "error.log").read_text())

    yield start
    for process in running:
        process.terminate()
        process.wait(timeout=10)


@pytest.fixture
def open_page(certificate: Path, browser: Any) -> Iterator[Callable[[str], Any]]:
    """Opens an address in a browser window of its own; the name is this machine's in there."""
    arguments = [*ARGUMENTS, f"--host-resolver-rules=MAP {NAME} 127.0.0.1"]
    own = browser.browser_type.launch(executable_path=CHROMIUM, args=arguments)

    def visit(url: str) -> Any:
        context = own.new_context(ignore_https_errors=True, locale="en-US")
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(url)
        return page

    yield visit
    own.close()


def fetch(page: Any, address: str) -> int:
    """The status that the page's own browser gets for an address of the same server."""
    return int(page.evaluate("address => fetch(address).then(answer => answer.status)", address))


@pytest.mark.parametrize("way", ["kept", "rewritten"])
def test_two_browsers_see_only_their_own(
    serve: Callable[..., Server],
    proxy: Callable[[int, int, str], str],
    open_page: Callable[[str], Any],
    pair: tuple[Path, Path],
    way: str,
) -> None:
    port = free_port()
    settings = {"public_url": f"https://{NAME}:{port}"} if way == "rewritten" else {}
    server = serve(**settings)
    url = proxy(port, server.port, KEPT if way == "kept" else REWRITTEN)
    one, two = open_page(url), open_page(url)
    cookie = next(c for c in one.context.cookies() if c["name"] == "retrack_visitor")
    assert cookie["httpOnly"]
    assert cookie["secure"], "X-Forwarded-Proto or the setting tells of TLS"
    hand_in(one, [pair[0]], pair[1])  # by the resumable uploads, through nginx
    task_id = until(one, lambda: "task=" in one.url and task_of(one), "the task")
    wait_done(one)
    one.get_by_role("button", name="All tasks").click()
    wait_rows(one, 1)
    two.reload()
    two.locator("text=No tasks yet").wait_for()
    assert two.get_by_role("link", name=say("en", "page.operator")).count() == 0, (
        "for the operator alone"
    )
    address = f"/files/{task_id}/modular"
    assert fetch(one, address) == 200
    for stranger in (address, f"/files/bundle?ids={task_id}"):
        assert fetch(two, stranger) == 404
        assert httpx.get(f"http://localhost:{server.port}{stranger}").status_code == 404
    two.goto(f"{url}/?task={task_id}")
    two.locator("text=This task is not here").wait_for()
    log = server.log.read_text()
    assert "was refused (403)" not in log
    assert log.count("is not of this machine") == (1 if way == "kept" else 0)


def test_a_rewritten_host_without_the_setting_is_told_in_the_log(
    serve: Callable[..., Server],
    proxy: Callable[[int, int, str], str],
    open_page: Callable[[str], Any],
) -> None:
    server, port = serve(), free_port()
    page = open_page(proxy(port, server.port, REWRITTEN))
    line = until(
        page,
        lambda: re.search(r"was refused \(403\): .*", server.log.read_text()),
        "the refusal",
    )[0]
    assert f"'https://{NAME}:{port}'" in line
    assert "RETRACK_PUBLIC_URL" in line


def test_a_bare_proxy_is_seen_by_its_protocol(
    serve: Callable[..., Server], proxy: Callable[[int, int, str], str], pair: tuple[Path, Path]
) -> None:
    """Nothing but HTTP/1.0 tells it from a request of this machine, and newer ones speak 1.1."""
    server, port = serve(), free_port()
    task_id = put_in(server, pair, "dance.mp4")
    address = f"/files/{task_id}/original"
    assert httpx.get(server.url + address).status_code == 200, "this machine alone so far"
    proxy(port, server.port, BARE)
    answer = httpx.get(f"https://127.0.0.1:{port}{address}", verify=False)  # noqa: S501
    assert answer.status_code == 404
    assert "is not of this machine" in server.log.read_text()


def test_a_proxy_that_gives_no_sign_needs_the_setting(
    serve: Callable[..., Server], proxy: Callable[[int, int, str], str], pair: tuple[Path, Path]
) -> None:
    """HTTP/1.1 and a Host of its own, before the first websocket: docs/deployment.md says so."""
    for visibility, status in ((None, 200), ("private", 404)):
        server, port = serve(**({"visibility": visibility} if visibility else {})), free_port()
        task_id = put_in(server, pair, "dance.mp4")
        url = f"https://127.0.0.1:{port}/files/{task_id}/original"
        proxy(port, server.port, LIVE)
        assert httpx.get(url, verify=False).status_code == status  # noqa: S501


def test_the_server_speaks_https_by_itself(
    serve: Callable[..., Server], open_page: Callable[[str], Any], certificate: Path
) -> None:
    """Streamlit's own settings, as docs/deployment.md shows them."""
    own = ("--server.sslCertFile", f"{certificate}/cert.pem")
    server = serve(arguments=(*own, "--server.sslKeyFile", f"{certificate}/key.pem"))
    page = open_page(f"https://{NAME}:{server.port}")
    page.get_by_text(say("en", "table.empty")).wait_for()  # by the websocket
    assert page.evaluate("isSecureContext")
    assert all(c["secure"] for c in page.context.cookies() if c["name"] == "retrack_visitor")
    operator = open_page(f"{server.url}/health")
    operator.get_by_text(say("en", "health.https")).wait_for()
