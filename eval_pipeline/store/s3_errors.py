"""Convert the errors of boto3 to those of this package, each with a fix."""

from typing import Any

from botocore.exceptions import (
    ClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    TokenRetrievalError,
)

from eval_pipeline.errors import CredentialsError, InfrastructureError, PermanentError, TransientError

_REFUSED = {
    "403",
    "AccessDenied",
    "AllAccessDisabled",
    "ExpiredToken",
    "Forbidden",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
}
_NO_BUCKET = {"NoSuchBucket", "InvalidBucketName"}
_TAKEN = {"PreconditionFailed", "412"}
_NO_CREDENTIALS = (NoCredentialsError, PartialCredentialsError, ProfileNotFound, TokenRetrievalError)


def code_of(error: Exception) -> str:
    """The service's code of an error, such as `NoSuchKey`; without an answer of the service the name of the class."""
    if isinstance(error, ClientError):
        code: Any = error.response.get("Error", {}).get("Code", "")
        return str(code)
    return type(error).__name__


def is_taken(error: Exception) -> bool:
    """Whether a conditional write failed because the object exists."""
    return code_of(error) in _TAKEN


def is_conflict(error: Exception) -> bool:
    """Whether a conditional write came upon another one in progress: which of them wins is not decided yet."""
    return code_of(error) == "ConditionalRequestConflict"


def store_error(uri: str, error: Exception) -> InfrastructureError:
    """The error of this package for an error of boto3 at the object `uri`."""
    code, message = code_of(error), str(error)
    if isinstance(error, _NO_CREDENTIALS):
        fix = "give the process a role, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
        return CredentialsError(f"{uri}: {message}", fix=fix)
    if code in _REFUSED:
        fix = "check the key, and that its policy allows s3:GetObject, s3:PutObject and s3:ListBucket there"
        return CredentialsError(f"{uri}: {message}", fix=fix)
    if code in _NO_BUCKET:
        return PermanentError(f"{uri}: {message}", fix="create the bucket, or correct EVAL_PIPELINE_STORE")
    return TransientError(f"{uri}: {message}", fix="check that the endpoint can be reached, and try again")
