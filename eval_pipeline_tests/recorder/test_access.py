"""Access to the recorder: tokens, Host and Origin headers, and the security headers of its answers."""

import httpx
import pytest
from langsmith import Client
from langsmith.utils import LangSmithAuthError

from eval_pipeline.errors import InputError
from eval_pipeline.recorder.config import RecorderConfig
from eval_pipeline.recorder.server import RecorderServer, serve
from eval_pipeline.serving.access import host_name
from eval_pipeline.serving.loopback import is_loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.org"])
def test_anything_but_loopback_needs_a_token(host: str) -> None:
    with pytest.raises(InputError, match="a token is required"):
        RecorderServer(host=host)
    with pytest.raises(InputError, match="a token is required"):
        serve(host=host)
    assert not is_loopback(host)


def test_all_interfaces_with_a_token_are_served_under_any_name() -> None:
    with RecorderServer(host="0.0.0.0", config=RecorderConfig(token="t")) as server:
        url = server.url.replace("0.0.0.0", "127.0.0.1")
        headers = {"host": "recorder.example.org", "x-api-key": "t"}
        assert httpx.get(f"{url}/info", headers=headers).status_code == 200
        assert httpx.get(f"{url}/info", headers={"host": "recorder.example.org"}).status_code == 401


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:80", ""])
def test_a_foreign_host_header_is_refused_on_loopback(server: RecorderServer, host: str) -> None:
    assert httpx.get(f"{server.url}/", headers={"host": host}).status_code in {400, 421}


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:99", "127.0.0.1:1", "[::1]:8"])
def test_loopback_names_are_accepted(server: RecorderServer, host: str) -> None:
    assert httpx.get(f"{server.url}/info", headers={"host": host}).status_code == 200
    assert host_name(host) in {"localhost", "127.0.0.1", "::1"}


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:1", "null"])
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_a_page_of_another_origin_can_write_nothing(server: RecorderServer, method: str, origin: str) -> None:
    # A browser sends a body of this kind without asking the server first.
    headers = {"origin": origin, "content-type": "text/plain"}
    refused = httpx.request(method, f"{server.url}/sessions", content=b'{"name": "planted"}', headers=headers)
    assert refused.status_code == 403
    assert [session["name"] for session in httpx.get(f"{server.url}/sessions").json()] == ["default"]


def test_a_page_of_the_same_origin_can_write(server: RecorderServer) -> None:
    created = httpx.post(f"{server.url}/sessions", json={"name": "own"}, headers={"origin": server.url})
    assert created.status_code == 200


def test_a_password_that_a_browser_remembers_does_not_let_other_origins_write() -> None:
    with RecorderServer(config=RecorderConfig(token="t")) as server:
        headers = {"origin": "https://evil.example"}
        answer = httpx.post(f"{server.url}/sessions", json={"name": "planted"}, headers=headers, auth=("any", "t"))
        assert answer.status_code == 403


def test_a_configured_token_is_required_on_every_route() -> None:
    with RecorderServer(config=RecorderConfig(token="t0k€n")) as server:
        for path in ("/", "/info", "/api/v1/sessions", "/api/v2/runs/x", "/static/recorder.css", "/nothing"):
            assert httpx.get(server.url + path).status_code == 401
        basic = httpx.get(server.url, auth=("anyone", "t0k€n"))
        assert (basic.status_code, basic.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert httpx.get(server.url, auth=("anyone", "other")).status_code == 401
        assert httpx.get(server.url).headers["www-authenticate"].startswith("Basic")


def test_the_sdk_raises_an_auth_error_for_a_wrong_key() -> None:
    with RecorderServer(config=RecorderConfig(token="right")) as server:
        for key in ("right", "wrong"):
            client = Client(api_url=server.url, api_key=key)
            if key == "right":
                assert client.has_project("default")
            else:
                with pytest.raises(LangSmithAuthError):
                    client.has_project("default")
            client.close()


def test_a_bearer_token_is_a_key() -> None:
    with RecorderServer(config=RecorderConfig(token="t")) as server:
        assert httpx.get(f"{server.url}/info", headers={"authorization": "Bearer t"}).status_code == 200


def test_pages_run_one_script_of_the_server_and_no_other_origin_can_read_them(server: RecorderServer) -> None:
    page = httpx.get(f"{server.url}/", headers={"origin": "https://evil.example"})
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert [part for part in policy.split("; ") if part.startswith("script-src")] == ["script-src 'self'"]
    assert "unsafe-inline" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in page.headers
    assert httpx.get(f"{server.url}/docs").status_code == 404
