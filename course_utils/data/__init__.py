"""What the course learns from: text, audio, corpora and synthetic tasks."""
