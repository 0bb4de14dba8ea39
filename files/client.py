"""What obstore cannot do: parts that outlive a process, copies of any size, links with names.

boto3 does these, for the same bucket, keys and endpoint. It is imported by the first call: most
processes, workers among them, never make one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import IO, Any

from files.errors import Gone, StorageError

CONNECT_SECONDS, READ_SECONDS = 10, 60
"""For one request: a part of 16 MiB at 2.2 Mbit/s."""
TRIES = 3
CONNECTIONS = 16
COPY_PART_BYTES = 64 * 1024 * 1024
"""Copied by one request; S3 copies up to 5 GB at once, which takes it longer than a request may."""
COPIES_AT_ONCE = 8


class Client:
    """Calls about objects by key, below a prefix; each raises ``StorageError``."""

    def __init__(self, bucket: str, prefix: str) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._lock = threading.Lock()

    @cached_property
    def _made(self) -> Any:
        import boto3
        from botocore.config import Config

        hosted = os.environ.get("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "").lower() == "true"
        return boto3.client(
            "s3",
            # As obstore reads them: boto3 knows neither AWS_REGION nor AWS_ENDPOINT.
            region_name=os.environ.get("AWS_REGION")
            or os.environ.get("AWS_DEFAULT_REGION")
            or "us-east-1",
            endpoint_url=os.environ.get("AWS_ENDPOINT_URL") or os.environ.get("AWS_ENDPOINT"),
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "virtual" if hosted else "path"},
                connect_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
                retries={"total_max_attempts": TRIES, "mode": "standard"},
                max_pool_connections=CONNECTIONS,
                # Checksums beyond what S3 asks for are unknown to some of its look-alikes.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    @property
    def _client(self) -> Any:
        with self._lock:  # making one is not safe for threads, using it is
            return self._made

    def _named(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": f"{self._prefix}{key}"}

    def begin(self, key: str) -> str:
        """Begins an upload in parts; returns its id."""
        with _errors("an upload could not be begun"):
            return str(self._client.create_multipart_upload(**self._named(key))["UploadId"])

    def send(self, key: str, upload: str, number: int, data: bytes | IO[bytes]) -> str:
        """Sends a part, counted from 1; returns its ETag. Raises ``Gone`` for an upload that the
        bucket does not know any more."""
        with _errors("a part of an upload could not be sent"):
            given = {"UploadId": upload, "PartNumber": number, "Body": data}
            return str(self._client.upload_part(**self._named(key), **given)["ETag"])

    def parts(self, key: str, upload: str) -> list[tuple[str, int]]:
        """ETag and size (bytes) of each part that is there without a gap; raises ``Gone``."""
        with _errors("the parts of an upload could not be listed"):
            pages = self._client.get_paginator("list_parts").paginate(
                **self._named(key), UploadId=upload
            )
            found = {one["PartNumber"]: one for page in pages for one in page.get("Parts", ())}
        last = next(number for number in range(1, len(found) + 2) if number not in found)
        return [(found[number]["ETag"], found[number]["Size"]) for number in range(1, last)]

    def complete(self, key: str, upload: str, etags: Sequence[str]) -> None:
        """Makes an object of the parts; raises ``Gone``."""
        parts = [{"ETag": etag, "PartNumber": number} for number, etag in enumerate(etags, 1)]
        with _errors("an upload could not be completed"):
            self._client.complete_multipart_upload(
                **self._named(key), UploadId=upload, MultipartUpload={"Parts": parts}
            )

    def abort(self, key: str, upload: str) -> None:
        """Gives an upload up; one that is not known counts as given up."""
        try:
            with _errors("an upload could not be given up"):
                self._client.abort_multipart_upload(**self._named(key), UploadId=upload)
        except Gone:
            return

    def copy(self, source: str, target: str) -> None:
        """Copies an object within the bucket, a large one in parts side by side."""
        from boto3.s3.transfer import TransferConfig

        how = TransferConfig(
            multipart_threshold=COPY_PART_BYTES,
            multipart_chunksize=COPY_PART_BYTES,
            max_concurrency=COPIES_AT_ONCE,
        )
        with _errors(f"{source} could not be copied"):
            self._client.copy(self._named(source), **self._named(target), Config=how)

    def link(self, key: str, seconds: int, media_type: str, disposition: str | None) -> str:
        """An address at which whoever has it reads an object for so long; asks nobody."""
        answer = {"ResponseContentType": media_type, "ResponseCacheControl": "private, no-cache"}
        if disposition:
            answer["ResponseContentDisposition"] = disposition
        with _errors("a link could not be made"):
            return str(
                self._client.generate_presigned_url(
                    "get_object", Params={**self._named(key), **answer}, ExpiresIn=seconds
                )
            )


@contextmanager
def _errors(what: str) -> Iterator[None]:
    """botocore's errors as ``StorageError``."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code")
        kind = Gone if code in {"NoSuchUpload", "NoSuchKey"} else StorageError
        raise kind(f"{what}: {code}") from error
    except (BotoCoreError, Boto3Error) as error:
        raise StorageError(f"{what}: {str(error).splitlines()[0]}") from error
