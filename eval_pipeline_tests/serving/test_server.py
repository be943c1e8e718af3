"""Servers bind their port themselves, report it, and give it back when they stop."""

import socket

import httpx
import pytest
from starlette.responses import PlainTextResponse

from eval_pipeline.errors import InputError, PermanentError, TransientError
from eval_pipeline.serving.access import require_token
from eval_pipeline.serving.server import AppServer, listen

HELLO = PlainTextResponse("hello")


def test_port_0_takes_a_free_port_and_the_url_names_it() -> None:
    with AppServer(HELLO, listen("127.0.0.1", 0)) as first, AppServer(HELLO, listen("127.0.0.1", 0)) as second:
        assert first.port != second.port
        assert [httpx.get(server.url).text for server in (first, second)] == ["hello", "hello"]


def test_a_port_in_use_is_an_error_and_is_free_after_the_stop() -> None:
    with AppServer(HELLO, listen("127.0.0.1", 0)) as server, pytest.raises(PermanentError, match="cannot listen on"):
        listen("127.0.0.1", server.port)
    listen("127.0.0.1", server.port).close()


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
def test_the_url_of_an_ipv6_address_has_brackets() -> None:
    with listen("::1", 0) as listener:
        assert AppServer(HELLO, listener).url == f"http://[::1]:{listener.getsockname()[1]}"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_server_that_cannot_start_is_an_error() -> None:
    listener = listen("127.0.0.1", 0)
    server = AppServer(HELLO, listener)
    listener.close()
    with pytest.raises(TransientError, match="did not start"):
        server.start()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_loopback_needs_no_token(host: str) -> None:
    require_token(host, None)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_other_addresses_need_one(host: str) -> None:
    with pytest.raises(InputError, match="a token is required"):
        require_token(host, "")
    require_token(host, "secret")
