"""The solution of lesson 00's exercise."""


def duration(samples, sample_rate):
    """Return the seconds that a sound lasts."""
    return len(samples) / sample_rate
