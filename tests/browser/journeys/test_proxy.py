"""Behind Debian's nginx with TLS: each browser sees its own, whatever the proxy makes of Host, path
and methods."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.browser.conftest import NAME
from tests.browser.serving import ROOT, Server, free_port
from tests.browser.steps import hand_in, put_in, records, task_of, until, wait_done, wait_rows
from tests.kinds import more
from ui.words.text import say

pytestmark = pytest.mark.browser
NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
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
NARROW = (
    KEPT.replace("client_max_body_size 0", "client_max_body_size 300k")
    + """
        if ($request_method !~ ^(GET|HEAD|POST)$) { return 405; }
"""
)
"""Lets no other method through, and takes small requests only."""
SHELL = """
        location = / {
            default_type text/html;
            return 200 '<iframe name="app" src="/~/+/" style="width:1200px;height:900px"></iframe>';
        }
"""
"""As on Community Cloud: the app stands in a frame below a path, and what asks at the root for
anything else gets nothing of it."""


@dataclass(frozen=True)
class Way:
    """How the page is reached."""

    location: str
    path: str = "/"
    to: str = ""
    """What nginx puts in the path's place; nothing keeps it."""
    base: str = ""
    """The server's own base path."""
    public: bool = False
    """Whether ``RETRACK_PUBLIC_URL`` is set."""
    shell: str = ""
    signs: int = 1
    """Lines in the log that say that a proxy was seen."""

    @property
    def arguments(self) -> Sequence[str]:
        return ("--server.baseUrlPath", self.base) if self.base else ()


WAYS = {
    "kept": Way(KEPT),
    "rewritten, prefix stripped": Way(REWRITTEN, "/dance/retrack/", "/", public=True, signs=0),
    "base path": Way(KEPT, "/retrack/", base="retrack"),
    "in a frame, methods refused": Way(NARROW, "/~/+/", "/", shell=SHELL),
}


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
def nginx(certificate: Path, tmp_path: Path) -> Iterator[Callable[[str, int], None]]:
    """Starts an nginx with what stands in ``http``, and waits until it answers on a port."""
    running: list[subprocess.Popen[bytes]] = []

    def start(http: str, port: int) -> None:
        folder = tmp_path / str(port)
        folder.mkdir()
        (folder / "nginx.conf").write_text(
            f"""
daemon off; master_process off; pid nginx.pid; error_log error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    {http}
}}
"""
        )
        assert NGINX is not None
        command = [NGINX, "-p", str(folder), "-c", "nginx.conf", "-e", "error.log"]
        running.append(subprocess.Popen(command))
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and running[-1].poll() is None:
            try:
                httpx.get(f"https://127.0.0.1:{port}/_stcore/health", verify=False)  # noqa: S501
            except httpx.TransportError:
                time.sleep(0.1)
            else:
                return
        raise RuntimeError((folder / "error.log").read_text())

    yield start
    for process in running:
        process.terminate()
        process.wait(timeout=10)


@pytest.fixture
def proxy(certificate: Path, nginx: Callable[[str, int], None]) -> Callable[..., str]:
    """Starts an nginx on a port in front of a server's port; gives the address of the page."""

    def start(
        port: int, server_port: int, location: str, path: str = "/", to: str = "", shell: str = ""
    ) -> str:
        nginx(
            f"""
    map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {certificate}/cert.pem;
        ssl_certificate_key {certificate}/key.pem;
        location {path} {{
        proxy_pass http://127.0.0.1:{server_port}{to};{location}
        }}{shell}
    }}
""",
            port,
        )
        return f"https://{NAME}:{port}{'' if shell else path.rstrip('/')}"

    return start


@pytest.fixture
def open_page(certificate: Path, browser: Any) -> Iterator[Callable[[str], Any]]:
    """Opens an address in a browser window of its own."""
    contexts: list[Any] = []

    def visit(url: str) -> Any:
        context = browser.new_context(
            ignore_https_errors=True, locale="en-US", reduced_motion="reduce"
        )
        contexts.append(context)
        page = contexts[-1].new_page()
        page.set_default_timeout(60_000)
        page.goto(url)
        return page

    yield visit
    for context in contexts:
        context.close()


def fetch(page: Any, address: str) -> int:
    """The status that the page's own browser gets for an address of the same server."""
    return int(page.evaluate("address => fetch(address).then(answer => answer.status)", address))


# Below a base path it is kept as well.
@pytest.mark.parametrize("name", [*more("kept"), *list(WAYS)[1:]])
def test_two_browsers_see_only_their_own(
    serve: Callable[..., Server],
    proxy: Callable[..., str],
    open_page: Callable[[str], Any],
    pair: tuple[Path, Path],
    name: str,
) -> None:
    port, way = free_port(), WAYS[name]
    settings = {"public_url": f"https://{NAME}:{port}"} if way.public else {}
    server = serve(arguments=way.arguments, **settings)
    url = proxy(port, server.port, way.location, way.path, way.to, way.shell)

    def opened() -> tuple[Any, Any]:
        """A browser window of its own, and what shows the page in it."""
        page = open_page(f"{url}/")
        return page, page.frame("app") if way.shell else page.main_frame

    window, one = opened()
    one.locator(".uploader h4").first.wait_for()
    cookie = next(c for c in window.context.cookies() if c["name"] == "retrack_visitor")
    assert cookie["httpOnly"]
    assert cookie["secure"], "X-Forwarded-Proto or the setting tells of TLS"
    assert cookie["path"].rstrip("/") == way.path.rstrip("/"), "no other app of the host gets it"
    hand_in(one, [pair[0]], pair[1])  # by the resumable uploads, through nginx
    task_id = until(one, lambda: "task=" in one.url and task_of(one), "the task")
    wait_done(one)
    one.get_by_role("button", name="Play").click()
    playing = "all => all.some(video => video.readyState > 1 && video.videoWidth)"
    until(one, lambda: one.locator("video").evaluate_all(playing), "a player with a picture")
    with window.expect_download() as file:
        one.locator(".save .link").press("Enter")
    result = server.outputs.parent / records(server)[task_id]["modular_output"]
    assert Path(file.value.path()).read_bytes() == result.read_bytes()
    one.get_by_role("button", name="All tasks").click()
    wait_rows(one, 1)
    _, two = opened()
    two.locator("text=No tasks yet").wait_for()
    assert two.get_by_role("link", name=say("en", "page.operator")).count() == 0, (
        "for the operator alone"
    )
    address = f"files/{task_id}/modular"  # relative to the page, as all that it hands out
    assert fetch(one, address) == 200
    for stranger in (address, f"files/bundle?ids={task_id}"):
        assert fetch(two, stranger) == 404
        assert httpx.get(f"http://localhost:{server.port}/{stranger}").status_code == 404
    two.goto(f"{two.url.partition('?')[0]}?task={task_id}")
    two.locator("text=This task is not here").wait_for()
    log = server.log.read_text()
    assert "was refused (403)" not in log
    assert log.count("is not of this machine") == way.signs


def test_a_rewritten_host_without_the_setting_is_told_in_the_log(
    serve: Callable[..., Server],
    proxy: Callable[..., str],
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
    serve: Callable[..., Server], proxy: Callable[..., str], pair: tuple[Path, Path]
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
    serve: Callable[..., Server],
    private: Server,
    proxy: Callable[..., str],
    pair: tuple[Path, Path],
) -> None:
    """HTTP/1.1 and a Host of its own, before the first websocket: docs/deployment.md says so."""
    for server, status in ((serve(), 200), (private, 404)):
        port = free_port()
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


def test_where_no_upload_gets_through_the_page_takes_what_the_memory_bears(
    private: Server, visit: Callable[..., Any], pair: tuple[Path, Path]
) -> None:
    """Whatever stands before the server answers for the upload route, with a page of its own."""

    def shut(context: Any) -> None:
        page = "<p>shell"
        context.route("**/uploads/**", lambda route: route.fulfill(body=page, status=404))

    page = visit(private.url, before=shut, locale="zh-CN")
    page.get_by_text(say("zh", "upload.blocked")).wait_for()
    chosen = page.locator("[data-testid=stFileUploaderDropzoneInput]")
    for number, file in enumerate(pair):
        chosen.nth(number).set_input_files(str(file))
        page.locator("[data-testid=stFileChipName]", has_text=file.name).wait_for()
    page.get_by_role("button", name=say("zh", "upload.start")).click()
    wait_done(page)


@pytest.mark.parametrize(
    ("example", "path"), [("nginx.conf", "/"), ("nginx-prefix.conf", "/retrack/")]
)
def test_the_examples_for_nginx_start_and_pass(
    private: Server,
    nginx: Callable[[str, int], None],
    certificate: Path,
    example: str,
    path: str,
) -> None:
    port, text = free_port(), (ROOT / "deploy" / example).read_text("utf-8")
    text = text.replace("listen 443", f"listen 127.0.0.1:{port}")
    text = re.sub(r"/etc/ssl/\w+", str(certificate), text)
    nginx(text.replace("127.0.0.1:8501", f"127.0.0.1:{private.port}"), port)
    with httpx.Client(base_url=f"https://127.0.0.1:{port}{path}", verify=False) as outside:  # noqa: S501
        assert outside.get("healthz").text == "ok\n"
        assert 'id="root"' in outside.get("").text
        assert outside.get("metrics").status_code == 404
        assert outside.get("files/x").status_code == 404
