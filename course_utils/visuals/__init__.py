"""What the course shows: plots, players and widgets. It is handed numbers and computes none that a lesson is about."""
