"""Configuration of a recorder: limits, the profile that `/info` reports, the rules that apply."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

MIB = 1024 * 1024

TENANT_ID = "00000000-0000-4000-8000-00000000ec0d"
"""Id of the only workspace. Constant, so that URLs stay valid when a database is moved or recreated."""


class InfoProfile(StrEnum):
    """The LangSmith deployment that `/info` describes. The SDK takes a different path for each."""

    MODERN = "modern"
    """SaaS: zstd frames, multipart examples, v1 and v2 reads."""
    NO_ZSTD = "no_zstd"
    """An older self-hosted server: plain multipart frames, bulk examples."""
    SMITHDB_ONLY = "smithdb_only"
    """No ClickHouse: reads through v2, feedback needs a session id."""


@dataclass(frozen=True, kw_only=True)
class RecorderConfig:
    """All settings. Sizes are in bytes.

    The 24 h window and the 25,000 runs per trace are LangSmith's published limits; its SDK cuts batches at 20 MiB,
    a larger single run is still sent, so the frame limit leaves room for it.
    """

    profile: InfoProfile = InfoProfile.MODERN
    start_time_window: timedelta | None = timedelta(hours=24)
    """Runs that start further from now are refused with their whole frame. `None`: off."""
    max_runs_per_trace: int = 25_000
    max_request_bytes: int = 64 * MIB
    """Limit of a body as sent, compressed or not."""
    max_decoded_bytes: int = 256 * MIB
    """Limit of a body after decompression, against decompression bombs."""
    size_limit: int | None = 500
    """The most runs and feedback that clients are asked to send at once; LangSmith asks for 100. `None`: not stated."""
    token: str | None = None
    """Required as `x-api-key`, bearer or HTTP Basic password. `None` accepts any key (loopback only)."""
    loopback: bool = True
    """Whether it is bound to loopback: then other names in a Host header are refused (DNS rebinding)."""
    journal_bytes: int = 0
    """Size of the journal, which keeps the newest writing requests as they came. 0: no journal."""
    of_home: bool = False
    """Whether it is one home's, which other homes do not use."""
    fault_route: bool = False
    """Serve `POST /recorder/faults`, for tests whose recorder runs in another process."""

    def info(self) -> dict[str, Any]:
        """The answer to `GET /info`."""
        multipart = self.profile is not InfoProfile.NO_ZSTD
        smithdb_only = self.profile is InfoProfile.SMITHDB_ONLY
        return {
            "version": "0.16.20",
            "batch_ingest_config": {
                "use_multipart_endpoint": True,
                "size_limit": self.size_limit,
                "size_limit_bytes": 20 * MIB,
                "scale_up_qsize_trigger": 1000,
                "scale_up_nthreads_limit": 16,
                "scale_down_nempty_trigger": 4,
            },
            "instance_flags": {
                "zstd_compression_enabled": multipart,
                "dataset_examples_multipart_enabled": multipart,
                "examples_multipart_enabled": multipart,
                "ch_query_enabled": not smithdb_only,
                "sdb_query_enabled": smithdb_only,
            },
        }
