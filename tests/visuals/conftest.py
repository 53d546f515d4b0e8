import matplotlib.pyplot as plt
import pytest

from ..browser.fixtures import browser, microphone

__all__ = ["browser", "microphone"]


@pytest.fixture(autouse=True)
def no_figures():
    """Each test draws on its own; nothing here takes the course's style, since a picture is right in any."""
    yield
    plt.close("all")
