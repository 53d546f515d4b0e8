"""The lessons as tests read them: cells with their ids, sources and syntax trees."""

import ast
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "lessons"
PATHS = sorted(FOLDER.glob("[0-9][0-9]_*.ipynb"))
LONGEST_FIRST = PATHS[::-1]  # roughly: two processes that share the lessons then end at nearly the same time


@dataclass(frozen=True)
class Cell:
    id: str
    kind: str
    source: str
    raw: dict = field(repr=False)

    @property
    def is_code(self) -> bool:
        return self.kind == "code"

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree of a code cell, without IPython's own lines."""
        own = [line for line in self.source.splitlines() if not line.lstrip().startswith(("%", "!"))]
        return ast.parse("\n".join(own))

    @property
    def code_lines(self) -> list[str]:
        """The lines that say something: neither blank nor only a comment."""
        return [line for line in self.source.splitlines() if line.strip() and line.strip()[0] != "#"]

    def calls(self, name: str) -> list[ast.Call]:
        """Return the calls of ``name(…)`` or ``something.name(…)`` in a code cell."""
        found = (node for node in ast.walk(self.tree) if isinstance(node, ast.Call)) if self.is_code else ()
        return [call for call in found if ast.unparse(call.func).rpartition(".")[2] == name]


@dataclass(frozen=True)
class Lesson:
    path: Path
    content: dict = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> "Lesson":
        return cls(path, json.loads(path.read_text(encoding="utf-8")))

    @property
    def number(self) -> str:
        return self.path.name[:2]

    @cached_property
    def cells(self) -> list[Cell]:
        return [Cell(raw.get("id", ""), raw["cell_type"], "".join(raw["source"]), raw) for raw in self.content["cells"]]

    @property
    def code(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.is_code]

    @property
    def prose(self) -> str:
        return "\n\n".join(cell.source for cell in self.cells if not cell.is_code)
