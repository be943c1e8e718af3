"""Bytes: multipart, compression, JSON, each with its limit."""

import gzip
import zlib
from collections.abc import Callable

import orjson
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse
from eval_pipeline.langsmith.protocol.wire import Part, decompress, encode_multipart, parse_json, parse_multipart

BOUNDARY = "b" * 24
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
names = st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789.-", min_size=1)
parts = st.builds(
    Part,
    name=names,
    content_type=st.sampled_from(["application/json", "image/png"]),
    data=st.binary().filter(lambda data: BOUNDARY.encode() not in data),
)


@given(st.lists(parts))
def test_parts_are_read_as_they_were_written(written: list[Part]) -> None:
    assert parse_multipart(encode_multipart(written, BOUNDARY), CONTENT_TYPE) == written


@given(st.lists(parts, min_size=1), st.data())
def test_a_body_that_ends_early_is_refused_wherever_it_is_cut(written: list[Part], data: st.DataObject) -> None:
    body = encode_multipart(written, BOUNDARY)
    cut = data.draw(st.integers(min_value=0, max_value=len(body) - len("--\r\n") - 1))
    with pytest.raises(ErrorResponse) as refusal:
        parse_multipart(body[:cut], CONTENT_TYPE)
    assert refusal.value.body == {
        "error": "Unprocessable entity: error reading multipart data: multipart: NextPart: EOF"
    }
    assert refusal.value.status == 422


def test_a_part_whose_length_is_wrong_is_refused() -> None:
    body = encode_multipart([Part(name="a", content_type="text/plain", data=b"12345")], BOUNDARY)
    with pytest.raises(ErrorResponse):
        parse_multipart(body.replace(b"Content-Length: 5", b"Content-Length: 6"), CONTENT_TYPE)


def test_a_length_may_stand_in_the_media_type_and_a_name_may_be_unquoted() -> None:
    body = (
        f"--{BOUNDARY}\r\ncontent-disposition: form-data; name=post.x\r\n"
        f"content-type: application/json; length=2\r\n\r\n{{}}\r\n--{BOUNDARY}--\r\n"
    ).encode()
    assert parse_multipart(body, CONTENT_TYPE) == [Part(name="post.x", content_type="application/json", data=b"{}")]


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data", ""])
def test_what_is_no_multipart_is_refused(content_type: str) -> None:
    with pytest.raises(ErrorResponse, match="isn't multipart/form-data"):
        parse_multipart(b"{}", content_type)


def streamed_zstd(data: bytes) -> bytes:
    """As the SDK compresses: without the content's size in the frame."""
    compressor = zstandard.ZstdCompressor().compressobj()
    return compressor.compress(data) + compressor.flush()


COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "zstd": streamed_zstd,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
}


@given(st.binary(max_size=2000), st.sampled_from(["zstd", "gzip", "deflate", "identity", None]))
def test_what_was_compressed_comes_back(data: bytes, encoding: str | None) -> None:
    assert decompress(COMPRESSORS.get(encoding or "", bytes)(data), encoding, limit=2000) == data


@pytest.mark.parametrize("encoding", COMPRESSORS)
def test_a_bomb_stops_at_the_limit(encoding: str) -> None:
    bomb = COMPRESSORS[encoding](bytes(50_000_000))
    with pytest.raises(ErrorResponse) as refusal:
        decompress(bomb, encoding, limit=100_000)
    assert refusal.value.status == 413


@pytest.mark.parametrize(("encoding", "status"), [("zstd", 422), ("gzip", 422), ("br", 415)])
def test_broken_or_unknown_compression_is_refused(encoding: str, status: int) -> None:
    with pytest.raises(ErrorResponse) as refusal:
        decompress(b"not compressed", encoding, limit=1000)
    assert refusal.value.status == status


@given(st.integers(min_value=-(2**63), max_value=2**64 - 1))
def test_an_integer_of_64_bits_is_kept_exactly(number: int) -> None:
    assert parse_json(str(number).encode()) == number


@pytest.mark.parametrize("digits", [str(2**64), str(-(2**63) - 1), "1" + "0" * 5000], ids=len)
def test_a_longer_integer_is_refused_with_the_published_text(digits: str) -> None:
    with pytest.raises(ErrorResponse) as refusal:
        parse_json(f'{{"n": [{digits}]}}'.encode())
    assert (refusal.value.status, refusal.value.body) == (422, {"detail": "int too big to convert"})


def test_many_digits_in_text_or_in_a_fraction_are_no_integer() -> None:
    value = {"text": "9" * 40, "fraction": 0.1234567890123456}
    assert parse_json(orjson.dumps(value)) == value


@pytest.mark.parametrize("data", [b"", b"{", b'{"a": nan}', b"\xff"])
def test_malformed_json_is_refused(data: bytes) -> None:
    with pytest.raises(ErrorResponse) as refusal:
        parse_json(data)
    assert refusal.value.status == 422
