"""All mutants, by what they break."""

from tests.mutants.mutant import Mutant
from tests.mutants.tables.access import ACCESS
from tests.mutants.tables.as_of import AS_OF
from tests.mutants.tables.buffer import BUFFER
from tests.mutants.tables.compaction import COMPACTION
from tests.mutants.tables.consumer import CONSUMER
from tests.mutants.tables.deletes import DELETES
from tests.mutants.tables.exports import EXPORTS
from tests.mutants.tables.flusher import FLUSHER
from tests.mutants.tables.indexes import INDEXES
from tests.mutants.tables.labels import LABELS
from tests.mutants.tables.lake_files import LAKE_FILES
from tests.mutants.tables.paging import PAGING
from tests.mutants.tables.search import SEARCH
from tests.mutants.tables.upkeep import UPKEEP
from tests.mutants.tables.visibility import VISIBILITY

SECTIONS: dict[str, tuple[Mutant, ...]] = {
    "From the socket to Redis": CONSUMER,
    "Frames and the buffer": BUFFER,
    "From the buffer to a commit": FLUSHER,
    "Files on the disk": LAKE_FILES,
    "Deletes and accounts": DELETES,
    "Compaction": COMPACTION,
    "What shows": VISIBILITY,
    "What a search means": SEARCH,
    "The text index": INDEXES,
    "Pages, tokens and totals": PAGING,
    "The lake's clock": AS_OF,
    "Labels": LABELS,
    "Exports": EXPORTS,
    "Who may ask": ACCESS,
    "Upkeep": UPKEEP,
}
MUTANTS = tuple(mutant for section in SECTIONS.values() for mutant in section)
