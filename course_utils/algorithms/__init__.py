"""What the course teaches, from scratch; imports torch and nothing of ours.

- Networks with a memory: ``recurrent`` (one step in ``cells``, the way back by hand in ``backpropagation``), and what
  happens to their ``gradients``.
- Sound: ``sampling``, ``features``, ``cepstra``, and back again, ``resynthesis``.
- Hidden Markov models: ``hmm`` (what states show in ``emissions``, the passes in ``hmm_recursion``).
- Sequence to sequence: ``encoders``, ``seq2seq``, ``attention``, ``hard_attention``, ``teacher_forcing``, ``beam``.
- CTC: ``ctc`` (what training uses in ``ctc_recursion``, what is refused in ``ctc_inputs``) and ``alignment``.
- From probabilities to text: ``decoding``, ``batched_decoding``, ``fusion`` with a ``language_model``, its files in
  ``arpa``, a ``lexicon``; and how wrong the text is, ``metrics``.
"""
