"""Files that are there whole or not at all, whatever stops the writing."""

import os
from pathlib import Path


def write_whole(path: Path, content: bytes | str) -> None:
    """Put CONTENT into a file (text as UTF-8): under another name first, then moved into place.

    Raises:
        OSError: it can't be written; what was at PATH is still there, and nothing else is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content.encode() if isinstance(content, str) else content)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
