"""Errors of AWS, as errors of this project."""

from botocore.exceptions import ClientError

from eval_pipeline.errors import CredentialsError, InfrastructureError, PermanentError, TransientError
from eval_pipeline.store.s3_errors import code_of

_REFUSED = (
    "403",
    "AccessDenied",
    "UnrecognizedClient",
    "InvalidSignature",
    "ExpiredToken",
    "InvalidClientToken",
    "Forbidden",
)
_GONE = ("NotFound", "DoesNotExist", "ClusterNotFound", "InvalidArn", "InvalidParameter", "ValidationException")
_NO_CREDENTIALS = {"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "NoRegionError"}


def aws_error(resource: str, error: Exception, *, allow: str) -> InfrastructureError:
    """The error of this project that `error` is.

    Args:
        resource: the function, cluster or state machine that was called.
        error: what boto3 raised.
        allow: the actions that its policy has to allow.
    """
    code, message = code_of(error), f"{resource}: {error}"
    if code in _NO_CREDENTIALS:
        return CredentialsError(message, fix="give the process a role and a region, or AWS_… variables")
    if isinstance(error, ClientError):
        if any(part in code for part in _REFUSED):
            return CredentialsError(message, fix=f"check the key, and that its policy allows {allow} there")
        if any(part in code for part in _GONE):
            return PermanentError(message, fix="correct `compute:` in suite.yaml, or create what it names")
    return TransientError(message, fix="check that AWS, or the endpoint in AWS_ENDPOINT_URL_…, can be reached")
