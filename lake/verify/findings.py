"""What verify_lake has compared and what differs."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple


class Finding(NamedTuple):
    """One difference. `subject`: a path below LAKE_ROOT, or another thing by its name. `repair`: how
    lake.verify.repair can repair it, if it can."""

    subject: str
    problem: str
    advice: str
    repair: Literal["", "orphan", "index"] = ""

    def __str__(self) -> str:
        return f"{self.subject}: {self.problem}; {self.advice}"


@dataclass
class Report:
    """`damaged`: paths of listed files that are missing or can't be read, so that no other check reads their rows.
    `notes`: lines that are worth knowing and no difference."""

    files: dict[str, tuple[int, int]] = field(default_factory=dict)  # path: rows, bytes
    cids: int = 0  # recomputed
    no_cid: int = 0  # records that DAG-CBOR can't represent
    skipped: int = 0  # tasks that passed in an unfinished run
    damaged: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return sum(rows for rows, _ in self.files.values())

    @property
    def bytes(self) -> int:
        return sum(bytes_ for _, bytes_ in self.files.values())
