"""What pyctcdecode and fast-ctc-decode take, timed by a Python of their own, since they want an older numpy.

``peers_decoding`` calls it with the Python that COURSE_OTHER_DECODERS names: one with pyctcdecode, kenlm and
fast-ctc-decode installed. It reads a file of posteriors and an ARPA file, and prints seconds and texts as JSON.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from importlib import import_module

import numpy as np


def seconds(work: Callable[[], object], times: int = 5) -> float:
    """Return the median processor seconds of one call, after one that is not counted."""
    work()
    found = []
    for _ in range(times):
        started = time.process_time()
        work()
        found.append(time.process_time() - started)
    return statistics.median(found)


def main(arrays: str, arpa: str, words: list[str], tokens: list[str], beams: list[int], alpha: float) -> dict:
    """Return {decoder: {beam: seconds}} without a model, and with words' trigrams the seconds and the texts."""
    fast_ctc_decode, pyctcdecode = import_module("fast_ctc_decode"), import_module("pyctcdecode")
    given = np.load(arrays)
    plain, spelt = given["plain"], [given[name] for name in sorted(given.files) if name != "plain"]
    labels = ["", *(" " if token == "|" else token for token in tokens[1:])]
    letters = pyctcdecode.build_ctcdecoder(labels)
    known = pyctcdecode.build_ctcdecoder(labels, kenlm_model_path=arpa, unigrams=words, alpha=alpha, beta=0.0)
    alphabet = "".join(chr(0x100 + c) for c in range(plain.shape[2]))
    beam = beams[1]

    def fast(k: int) -> None:
        for x in plain:
            fast_ctc_decode.beam_search(np.exp(x), alphabet, beam_size=k, beam_cut_threshold=0.0)

    return {
        "pyctcdecode": {k: seconds(lambda k=k: [letters.decode(x, beam_width=k) for x in plain]) for k in beams},
        "fast-ctc-decode": {k: seconds(lambda k=k: fast(k)) for k in beams},
        "seconds": seconds(lambda: [known.decode(x, beam_width=beam) for x in spelt], 3),
        "texts": [known.decode(x, beam_width=beam) for x in spelt],
    }


if __name__ == "__main__":
    print(json.dumps(main(*json.loads(sys.argv[1]))))
