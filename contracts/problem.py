"""What all errors with a name have in common. They are in contracts/errors.py."""

from typing import Any, ClassVar


class CountersignError(Exception):
    """Something went wrong that a person can act on."""

    retryable: ClassVar[bool] = False
    status: ClassVar[int] = 500

    def __init__(self, what: str, *, subject: str = "", way_out: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.subject = subject
        self.way_out = way_out

    @property
    def name(self) -> str:
        return type(self).__name__

    def problem(self) -> dict[str, Any]:
        """The error as a problem+json object."""
        return {
            "type": f"https://countersign.dev/errors/{self.name}",
            "title": self.name,
            "status": self.status,
            "detail": self.what,
            "subject": self.subject,
            "way_out": self.way_out,
        }

    def __str__(self) -> str:
        return f"{self.what} {self.way_out}".strip()


class PatientError(CountersignError):
    """One that may say when to try again: `retry_after` is in seconds, None where nobody said."""

    def __init__(self, what: str, *, subject: str = "", way_out: str = "", retry_after: float | None = None) -> None:
        super().__init__(what, subject=subject, way_out=way_out)
        self.retry_after = retry_after
