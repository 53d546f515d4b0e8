from .fixtures import browser, microphone

__all__ = ["browser", "microphone"]
