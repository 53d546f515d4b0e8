"""Measure lessons for the table of all recognisers: ``python tests/benchmarks/recogniser_table.py 04 [--seeds …]``.

The lesson runs from top to bottom, headless, once for each seed; the errors that it hands to ``recognisers_table.show``
are summarised into course_utils/teaching/recognisers.json. Real speech counts where COURSE_REAL_SPEECH points to it.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from course_utils import headless
from course_utils.teaching import recognisers_table

LESSONS = Path(__file__).parents[2] / "lessons"


def measure(lesson: str, seeds: list[int]) -> dict[str, dict]:
    """Return what the lesson's recognisers did under each seed, summarised."""
    [path] = LESSONS.glob(f"{lesson}_*.ipynb")
    with tempfile.TemporaryDirectory() as folder:
        collected = Path(folder) / "figures.jsonl"
        os.environ[recognisers_table.COLLECT] = str(collected)
        os.environ["COURSE_HOME"] = folder
        for seed in seeds:
            headless.execute(path, seed)
            print(f"lesson {lesson}, seed {seed}: {collected.read_text().splitlines()[-1]}", file=sys.stderr)
        runs = [json.loads(line)["figures"] for line in collected.read_text(encoding="utf-8").splitlines()]
    return recognisers_table.summarise(runs)


def main(lessons: list[str], seeds: list[int]) -> None:
    """Measure the lessons and rewrite their rows; those of other lessons stay as they are."""
    kept = recognisers_table.KEPT
    for lesson in lessons:
        found = measure(lesson, seeds)
        table = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
        table = dict(sorted({**table, lesson: found}.items()))
        kept.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lessons", nargs="+", metavar="LESSON")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(10)))
    chosen = parser.parse_args()
    main(chosen.lessons, chosen.seeds)
