"""``python -m course_utils.cli``: the ``course`` command with the Python at hand, without installing anything."""

from course_utils.cli import main

main()
