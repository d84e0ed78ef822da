"""Every exception that Responder raises on purpose, in one tree.

Any layer raises these; `web` turns them into an HTTP status and `cli` into an exit code,
both of which stand beside each class. Never put a secret or a whole request body in a message.

    ResponderError                 500  exit 1
    ├── UsageError                 400  exit 2   the caller's words are off
    ├── FileError                  400  exit 2   a file cannot be read
    ├── ProblemsError              400  exit 1   a file is read and wrong: every problem at once
    ├── Refused                    409  exit 1   a command that cannot be honoured now
    │   ├── NotFound               404  exit 1
    │   ├── Unauthenticated        401  exit 1
    │   ├── Forbidden              403  exit 1
    │   ├── TooLarge               413  exit 1
    │   └── Overloaded             503  exit 1   try again: nothing was accepted
    ├── StorageError               503  exit 1   the database cannot be used
    │   └── StorageLocked          503  exit 2   another process owns it
    └── IllegalMove                500  exit 1   a bug: a transition that the tables forbid
"""

import msgspec


class ResponderError(Exception):
    """The root: whatever is raised on purpose."""

    status = 500
    exit_code = 1


class UsageError(ResponderError):
    """The caller's words are off; the message says what would be right."""

    status = 400
    exit_code = 2


class FileError(ResponderError):
    """A file that we were told to read cannot be read."""

    status = 400
    exit_code = 2


class Problem(msgspec.Struct, frozen=True, order=True):
    """One thing that is wrong in a file.

    `line` and `column` count from 1; 0 means that no place is known (an environment variable).
    """

    file: str
    line: int
    column: int
    message: str
    severity: str = "error"

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.severity}: {self.message}"


class ProblemsError(ResponderError):
    """A file is readable and wrong. Carries every problem, not the first."""

    status = 400
    exit_code = 1

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Refused(ResponderError):
    """A request that is understood and cannot be honoured; the message says why."""

    status = 409


class NotFound(Refused):
    """What the request names does not exist."""

    status = 404


class Unauthenticated(Refused):
    """No token, or none that we know. Never says which part was wrong."""

    status = 401


class Forbidden(Refused):
    """Known, and not allowed; the message names the missing role."""

    status = 403


class TooLarge(Refused):
    """A request over a size limit."""

    status = 413


class Overloaded(Refused):
    """Nothing was accepted; the same request may succeed later."""

    status = 503


class StorageError(ResponderError):
    """The database cannot be read or written."""

    status = 503


class StorageLocked(StorageError):
    """Another process owns the database."""

    exit_code = 2


class IllegalMove(ResponderError):
    """A state transition that its table forbids: a bug, and nothing was changed."""
