"""What the course teaches, from scratch; imports torch and nothing of ours."""
