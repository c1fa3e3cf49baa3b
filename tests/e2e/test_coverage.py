"""Every operation of the API is called by a test of this directory."""

import pathlib
import re

import botocore

ROOT = pathlib.Path(__file__).resolve().parents[2]
OPERATIONS = ROOT / "control/model/src/api/mod.rs"
# The listings of families that have no members here; `test_api_empty_families` calls each.
EMPTY_FAMILIES = [
    line.split("\t")[0] for line in (ROOT / "control/model/empty-families.tsv").read_text().splitlines()[1:]
]


def test_every_operation_is_called():
    table = OPERATIONS.read_text().split("macro_rules! for_each_operation", 1)[1]
    listing = re.search(r"\$callback! \{(.*?)\}", table, re.DOTALL)[1]
    operations = [name.strip() for name in listing.split(",") if name.strip()]
    assert len(operations) > 10
    sources = "".join(
        path.read_text() for path in pathlib.Path(__file__).parent.glob("*.py") if path.name != __file__
    )
    uncalled = [name for name in operations if f"{botocore.xform_name(name)}" not in sources]
    assert uncalled == []
