"""How the course teaches: setup and claims, exercises and their checks, progress."""
