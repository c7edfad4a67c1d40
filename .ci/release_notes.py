"""Print the section of the changelog of a tag, or fail where tag, version and changelog disagree.

python .ci/release_notes.py v0.1.0
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def release_notes(tag, version, changelog):
    """Return what the changelog says of a version.

    Parameters
    ----------
    tag : str
        The name of the tag, the version after a "v".
    version : str
        The version of the package.
    changelog : str
        Sections of a heading ``## [version] - date`` each.

    Raises
    ------
    SystemExit
        If the tag is not that of the version, or the changelog has no section of it.
    """
    if tag != f"v{version}":
        raise SystemExit(f"The tag is {tag!r}, but the version of the package is {version!r}.")
    heading = rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d\n(.*?)(?=^## \[|\Z)"
    section = re.search(heading, changelog, flags=re.DOTALL | re.MULTILINE)
    if section is None:
        raise SystemExit(f"CHANGELOG.md has no section headed '## [{version}] - YYYY-MM-DD'.")
    return section[1].strip()


if __name__ == "__main__":
    source = (ROOT / "sk_aecnn" / "_version.py").read_text(encoding="utf-8")
    version = re.search(r'^__version__ = "(.+)"$', source, flags=re.MULTILINE)[1]
    print(release_notes(sys.argv[1], version, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")))
