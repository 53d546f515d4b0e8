"""The course's colours: one for each model from the first lesson to the last, told apart by colour-blind eyes too.

The hues are Okabe and Ito's (2008) and, where eight do not suffice, Tol's muted set (2021). Figures and widgets both
read them here.
"""

COLOURS = {
    "plain network": "#D55E00",
    "RNN": "#0072B2",
    "LSTM": "#009E73",
    "GRU": "#E69F00",
    "HMM": "#CC79A7",
    "hybrid": "#882255",
    "CTC": "#56B4E9",
    "attention": "#332288",
    "joint": "#999933",
    "no clipping": "#D55E00",
    "clipped": "#009E73",
    "truth": "#222222",
    "chance": "#767676",
    "blank": "#9A9A9A",
    "signal": "#3F5A73",
    "cursor": "#222222",
    "paper": "#FCFCFA",
    "ink": "#222222",
    "faint": "#D8D8D4",
}
MARKERS = {
    "plain network": "s", "RNN": "o", "LSTM": "^", "GRU": "v", "HMM": "D", "hybrid": "X", "CTC": "P",
    "attention": "*", "joint": "h", "truth": "", "chance": "",
}  # fmt: skip
GATES = {"f": "#117733", "i": "#CC6677", "o": "#6699CC"}  # an LSTM's forget, input and output gate
CYCLE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#332288", "#56B4E9", "#882255"]

# Colour scales as evenly spaced stops, low to high: energy (matplotlib's magma), probability, and signed activations.
ENERGY = ["#000004", "#1D1147", "#51127C", "#832681", "#B73779", "#E75263", "#FC8961", "#FEC488", "#FCFDBF"]
PROBABILITY = ["#FFFFFF", "#D6E6F2", "#93C1DF", "#4794C6", "#0B68A8", "#073B66"]
SIGNED = ["#00446B", "#0072B2", "#7FB4D6", "#F4F4F1", "#EDAA7C", "#D55E00", "#7F3800"]


def _known(label: str, table: dict[str, str]) -> str | None:
    """Return the entry whose name the label is or begins with ("RNN, hidden 32" is the RNN's), the longest first."""
    plain = label.casefold()
    for name in sorted(table, key=len, reverse=True):
        rest = plain[len(name) :]
        if plain.startswith(name.casefold()) and not rest[:1].isalnum():
            return table[name]
    return None


def colour(label: str, place: int = 0) -> str:
    """Return the colour of a model, or of the ``place``-th curve where the label names none."""
    return _known(label, COLOURS) or CYCLE[place % len(CYCLE)]


def marker(label: str) -> str:
    """Return the marker of a model ("o", "s", …), so that colour is never the only thing that tells two apart."""
    found = _known(label, MARKERS)
    return "o" if found is None else found
