"""Answers as people write them: the right one passes, each wrong one is refused with what helps."""

import functools
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.teaching import checks, progress
from course_utils.teaching.checks import check, grade, hint, registry, solution
from course_utils.teaching.checks.compare import describe, difference
from course_utils.teaching.checks.exercise import Case, Exercise, perturbed

from .toys import LENGTHS, SHAPES, STEP, WEIGHTS, step

# --- answers to STEP: each is refused, and its message says every one of the words beside it


def nothing(x, h, W_ax, W_aa, b_a):
    torch.tanh(x @ W_ax.T + h @ W_aa.T + b_a)


def as_list(x, h, W_ax, W_aa, b_a):
    return step(x, h, W_ax, W_aa, b_a).tolist()


def as_numpy(x, h, W_ax, W_aa, b_a):
    return step(x, h, W_ax, W_aa, b_a).numpy()


def as_generator(*arguments):
    yield step(*arguments)


def doubled_precision(*arguments):
    return step(*arguments).double()


def transposed(*arguments):
    return step(*arguments).T


def one_row(*arguments):
    return step(*arguments).sum(0)


def extra_axis(*arguments):
    return step(*arguments).unsqueeze(1)


def joined_with_input(x, *rest):
    return torch.cat([step(x, *rest), x], dim=1)


def not_a_number(x, h, W_ax, W_aa, b_a):
    return torch.log(torch.tanh(x @ W_ax.T + h @ W_aa.T + b_a) - 2)


def infinite(*arguments):
    return step(*arguments) / 0


def in_place(x, h, W_ax, W_aa, b_a):
    h *= 0.5
    return step(x, 2 * h, W_ax, W_aa, b_a)


def without_tanh(x, h, W_ax, W_aa, b_a):
    return x @ W_ax.T + h @ W_aa.T + b_a


def random_start(x, h, W_ax, W_aa, b_a):
    return step(x, torch.randn_like(h), W_ax, W_aa, b_a)


def remembers(*arguments, calls=[]):  # noqa: B006 the fault that is looked for
    calls.append(1)
    return step(*arguments) + len(calls)


def with_gradient(*arguments):
    return torch.nn.Parameter(step(*arguments))


def elsewhere(*arguments):
    return step(*arguments).to("meta")


def too_few(x, h):
    return x


def leaves(*arguments):
    sys.exit(3)


def misspelt(x, h, W_ax, W_aa, b_a):
    return torch.tahn(x)  # ty: ignore[missing-attribute]


def half_done(x, h, W_ax, W_aa, b_a):
    total = x @ W_ax.T
    raise NotImplementedError(total)


def fills_in(*arguments):
    return ...


def talkative(x, h, W_ax, W_aa, b_a):
    for number in range(20_000):
        print("step", number)
    return x


def untransposed(x, h, W_ax, W_aa, b_a):
    return torch.tanh(x @ W_ax + h @ W_aa.T + b_a)


def a_function(*arguments):
    return functools.partial(step, *arguments)


class Hostile:
    __hash__ = None

    def __repr__(self):
        raise RuntimeError("no")

    def __eq__(self, other):
        raise RuntimeError("never")


REFUSED = [
    (nothing, ["is None", "`return` missing", "one of everything", "6 of 6 cases fail"]),
    (as_list, ["wrong type", "Tensor is asked for, list came", "torch.stack"]),
    (as_numpy, ["wrong type", "ndarray came", "NumPy"]),
    (as_generator, ["wrong type", "`yield`"]),
    (a_function, ["wrong type", "It is a function"]),
    (lambda *arguments: Hostile(), ["wrong type", "Hostile came", "<Hostile instance"]),
    (doubled_precision, ["wrong dtype", "torch.float32 is asked for, torch.float64 came"]),
    (transposed, ["wrong", "as many features as units", "transpose"]),
    (one_row, ["wrong shape", "batch dimension, the first, is missing", "expected (B, H)"]),
    (extra_axis, ["wrong shape", "size 1"]),
    (joined_with_input, ["wrong shape", "Dimension 1 should be 1, and is 2"]),
    (not_a_number, ["contains nan", "index [0, 0]", "log of zero"]),
    (infinite, ["contains", "inf"]),
    (in_place, ["changed its argument `h`", "`+=`"]),
    (without_tanh, ["wrong numbers", "At index [0, 0] expected", "x = [[", "W_aa = [["]),
    (random_start, ["another one when the same arguments come again", "random"]),
    (remembers, ["another one when the same arguments come again", "from one call to the next"]),
    (with_gradient, ["asks for a gradient"]),
    (elsewhere, ["device meta", "device=x.device"]),
    (too_few, ["can't be called", "step(x, h, W_ax, W_aa, b_a)", "`(x, h)`"]),
    (leaves, ["SystemExit: 3", "`sys.exit(3)`"]),
    (misspelt, ["AttributeError", "tahn", "`return torch.tahn(x)", "the cell with `misspelt`"]),
    (half_done, ["`raise NotImplementedError` of the empty exercise is still there"]),
    (fills_in, ["is still `...`"]),
    (talkative, ["printed", "step 0 step 1"]),
    (untransposed, ["W_ax", "leaves the input matrix untransposed"]),
    (lambda x: x, ["can't be called", "too many positional arguments"]),
    (max, ["wrong shape"]),
    (torch.nn.Linear(1, 1), ["stopped with TypeError", "Linear.forward() takes 2 positional arguments"]),
    (torch.zeros(2), ["a function is asked for", "without parentheses", "Tensor"]),
    ("step", ["a function is asked for", "str: 'step'"]),
    (None, ["a function is asked for", "NoneType"]),
    (torch.nn.RNNCell, ["a function is asked for", "type"]),
]


@pytest.mark.parametrize(("answer", "words"), REFUSED, ids=lambda value: getattr(value, "__name__", None))
def test_wrong_answers_are_refused_with_what_helps(answer, words, capfd):
    report = grade(STEP, answer)
    assert report.status == "failed"
    for word in words:
        assert word in report.message
    assert "Traceback" not in report.message
    assert len(report.message) < 2000
    assert capfd.readouterr() == ("", "")
    assert report.to_html().count("<div") == report.to_html().count("</div>")


@pytest.mark.parametrize("name", STEP.misconceptions)
def test_a_mistake_is_named(name):
    diagnosis, mistake = STEP.misconceptions[name]
    report = grade(STEP, mistake)
    assert report.status == "failed"
    assert report.misconception == name
    assert diagnosis in report.message


def test_a_mistake_is_named_only_if_it_explains_every_failing_case():
    def forgets_in_batches_of_two(x, h, *weights):
        return step(x, h * 0 if len(x) == 2 else h + 1, *weights)

    assert grade(STEP, forgets_in_batches_of_two).misconception is None


def test_a_mistake_that_agrees_everywhere_goes_before_one_that_agrees_where_the_answer_fails():
    doubled = Exercise(
        name="doubled",
        task="",
        oracle=lambda number: 2 * number,
        hints=["…"],
        cases=[Case("two", lambda generator: (2,)), Case("three", lambda generator: (3,))],
        misconceptions={"adds six": ("…", lambda number: number + 6), "squares": ("…", lambda number: number**2)},
    )
    assert grade(doubled, lambda number: number * number).misconception == "squares"
    assert grade(doubled, lambda number: 9 if number == 3 else 5).misconception is None
    assert grade(doubled, lambda number: 9 if number == 3 else 4).misconception == "squares"


def test_a_mistake_is_not_named_where_only_errors_agree():
    lonely = replace(STEP, cases=[case for case in STEP.cases if case.description == "random sizes"])
    assert grade(lonely, untransposed).misconception is None


def test_two_mistakes_at_once_are_not_called_one():
    both = perturbed(step, h=torch.zeros_like, b_a=lambda b_a: 2 * b_a)
    assert grade(STEP, both).misconception is None


@given(st.integers(0, 4), st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**31))
def test_the_oracle_always_passes(B, D, H, seed):
    shapes = [(B, D), (B, H), (H, D), (H, H), (H,)]

    def drawn(generator):
        generator.manual_seed(seed)
        return tuple(torch.randn(shape, generator=generator) for shape in shapes)

    exercise = replace(STEP, cases=[Case("drawn", drawn)])
    assert grade(exercise, step).status == "passed"


def looped(x, h, W_ax, W_aa, b_a):
    rows = [torch.tanh(W_ax @ row + W_aa @ state + b_a) for row, state in zip(x, h, strict=True)]
    return torch.stack(rows) if rows else torch.zeros(0, len(b_a))


@pytest.mark.parametrize("answer", [step, looped, functools.partial(step), lambda *arguments: step(*arguments)])
def test_other_ways_to_be_right_pass(answer):
    report = grade(STEP, answer)
    assert report.message == "✓ step: right in all 6 cases."


# --- what is not answered yet


def documented(x, h, W_ax, W_aa, b_a):
    """Return the new state."""
    raise NotImplementedError("write me")


def worded_differently(x, h, W_ax, W_aa, b_a):
    """Return the new state."""
    # a comment
    raise NotImplementedError


def dots(x, h, W_ax, W_aa, b_a): ...


def passes(x, h, W_ax, W_aa, b_a):
    pass


@pytest.mark.parametrize("stub", [documented, worded_differently, dots, passes, ...])
def test_a_stub_is_unanswered_whatever_it_says(stub):
    report = grade(STEP, stub)
    assert report.status == "unanswered"
    assert "Compute one step." in report.message


def test_a_function_without_source_is_tried_all_the_same():
    space = {"step": step}
    exec("def answer(x, h, W_ax, W_aa, b_a):\n    return step(x, h, W_ax, W_aa, b_a)\n", space)
    assert grade(STEP, space["answer"]).status == "passed"


# --- results that are no tensors, and answers that are values


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda words: [len(words)], ["has 1 elements, 2 are asked for", "words = ['sam', 'li']"]),
        (lambda words: [float(len(word)) + 0.5 for word in words], ["another number (in result[0])"]),
        (lambda words: torch.tensor([len(word) for word in words]), ["list is asked for, Tensor came", ".tolist()"]),
        (lambda words: [str(len(word)) for word in words], ["int is asked for, str came"]),
        (lambda words: {len(word) for word in words}, ["list is asked for, set came"]),
        (lambda words: [len(word) for word in words] + [0], ["What the two have in common agrees"]),
        (lambda words: words.clear() or [], ["changed its argument `words`"]),
    ],
)
def test_lists_are_compared_element_by_element(answer, words):
    report = grade(LENGTHS, answer)
    assert report.status == "failed"
    for word in words:
        assert word in report.message


def test_lists_tuples_and_numpys_integers_are_alike():
    assert grade(LENGTHS, lambda words: tuple(np.int64(len(word)) for word in words)).status == "passed"


FORGOTTEN = 10_000


@pytest.mark.parametrize("answer", [10_100, 10_100.0, np.int64(10_100), torch.tensor(10_100)])
def test_a_right_value_passes(answer):
    assert grade(WEIGHTS, answer).status == "passed"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (10_101, ["too large"]),
        (10_099, ["too small"]),
        (10**400, ["too large"]),
        (1j, ["another number"]),
        (FORGOTTEN, ["too small", "it leaves out the bias. Every unit has one more."]),
        (float("nan"), ["NaN"]),
        ("10100", ["int is asked for, str came"]),
        (lambda: 10_100, ["It is a function; call it"]),
        (torch.zeros(3), ["int is asked for, Tensor came"]),
        (np.zeros(3), ["int is asked for, ndarray came"]),
        (Hostile(), ["int is asked for, Hostile came"]),
    ],
)
def test_a_wrong_value_is_refused_and_the_right_one_kept_back(answer, words):
    report = grade(WEIGHTS, answer)
    assert report.status == "failed"
    for word in words:
        assert word in report.message
    assert "expected" not in report.message
    assert report.misconception == ("leaves out the bias" if answer is FORGOTTEN else None)


@pytest.mark.parametrize("answer", [None, ...])
def test_a_value_not_given_is_unanswered(answer):
    assert grade(WEIGHTS, answer).status == "unanswered"


def test_a_pair_of_values():
    assert grade(SHAPES, (torch.Size([100, 10_100]), 0.51)).status == "passed"
    assert "is another number (in result[0][1])" in grade(SHAPES, ((100, 10_000), 0.5)).message
    assert "has 1 elements" in grade(SHAPES, ((100, 10_100),)).message


def test_an_exercise_with_several_right_answers_compares_in_its_own_way():
    exercise = Exercise(
        name="any_even",
        task="",
        oracle=lambda least: least,
        hints=["…"],
        cases=[Case("ten", lambda generator: (10,))],
        compare=lambda expected, got: None if got >= expected and got % 2 == 0 else "is odd or too small",
    )
    assert grade(exercise, lambda least: least + 2).status == "passed"
    assert "your result is odd or too small." in grade(exercise, lambda least: least + 1).message
    assert "can't be compared" in grade(exercise, lambda least: "two").message


# --- manners


def test_ctrl_c_passes_through():
    def interrupted(*arguments):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grade(STEP, interrupted)


def test_a_check_leaves_the_lessons_randomness_alone():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    grade(STEP, random_start)
    assert torch.equal(torch.rand(2), expected)


def test_a_check_tries_the_same_cases_each_time():
    assert grade(STEP, without_tanh).message == grade(STEP, without_tanh).message


def test_perturbed_takes_values_and_functions():
    assert perturbed(lambda x, k: x + k, k=0)(3, 4) == 3
    assert perturbed(lambda x, k: x + k, x=lambda x: -x)(3, 4) == 1


def test_a_function_is_described_by_its_arguments():
    assert describe(step) == "the function step(x, h, W_ax, W_aa, b_a)"


def test_perturbed_names_an_unknown_argument():
    with pytest.raises(ValueError, match=r"no argument .*bias"):
        perturbed(step, bias=torch.zeros_like)


@pytest.mark.parametrize(
    ("expected", "got", "words"),
    [
        ({"a": 1}, {"b": 1}, "missing: ['a']; too many: ['b']"),
        ({"a": 1}, {"a": 2}, "result['a']"),
        ("three", "four", "is another str"),
        (torch.zeros(2, 3, 4), torch.zeros(3, 2, 4), "batch comes first"),
        (torch.zeros(2, 3), torch.zeros(2), "last dimension is missing"),
        (torch.zeros(3), torch.tensor(0.0), "A single number came; 3 in a row are asked for."),
        (torch.zeros(2, 3), torch.zeros(4, 5, 6), "should have 2 dimensions, and has 3"),
        (torch.zeros(2, requires_grad=True), torch.zeros(2), "lost the gradient"),
        (torch.tensor([True, False]), torch.tensor([True, True]), "At index [1] expected False, got True"),
        (torch.tensor([[0.0, 1], [2, 3]]), torch.tensor([[0.0, 2], [1, 3]]), "transpose"),
        (1 + 2j, 1 - 2j, "is another number"),
    ],
)
def test_differences_in_words(expected, got, words):
    found = difference(expected, got)
    assert found
    assert words in f"{found.headline} {found.remark}"
    assert difference(expected, expected) is None


def test_infinities_and_nans_that_are_expected_agree():
    logs = torch.tensor([float("-inf"), float("nan"), 0.0])
    assert difference(logs, logs.clone()) is None


@settings(max_examples=50)
@given(st.lists(st.one_of(st.integers(), st.floats(), st.text(), st.lists(st.floats())), max_size=40))
def test_descriptions_are_short_whatever_they_describe(value):
    assert len(describe(value)) < 2500
    assert len(describe(torch.tensor([v for v in value if isinstance(v, float)]))) < 500


# --- the course's own exercises, all of them


ALL = [name for names in registry.exercise_names().values() for name in names]


def test_names_are_unique_and_lessons_are_their_modules():
    assert len(set(ALL)) == len(ALL)
    for lesson, names in registry.exercise_names().items():
        assert names
        assert [registry.find(name).lesson for name in names] == [lesson] * len(names)


@pytest.mark.parametrize("name", ALL)
def test_the_solution_passes_and_every_named_mistake_is_recognised(name, capsys):
    exercise = registry.find(name)
    assert grade(name, solution(name)).status == "passed"
    for named, (_, mistake) in exercise.misconceptions.items():
        report = grade(name, mistake() if exercise.wants_value else mistake)
        assert (report.status, report.misconception) == ("failed", named)
    assert all(exercise.hints)
    assert all(text.strip() for text in (exercise.task, *exercise.hints))


def test_an_unknown_name_gets_the_nearest_ones(monkeypatch):
    monkeypatch.setattr(registry, "exercise_names", lambda: {"01": ["rnn_step", "one_hot"]})
    with pytest.raises(registry.UnknownExercise, match=r"no exercise 'rnnstep'; did you mean 'rnn_step'\?"):
        check("rnnstep", step)
    with pytest.raises(registry.UnknownExercise, match="'rnn_step' or 'one_hot'"):
        hint("zzz")


def test_only_the_lesson_asked_for_is_imported(tmp_path):
    import subprocess

    code = (
        "import sys; from course_utils.teaching.checks import registry; registry.exercise_names();"
        "print('torch' in sys.modules, [name for name in sys.modules if '.lesson_' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "False []"


# --- check, hint and solution, as a learner meets them


@pytest.fixture
def toy(monkeypatch, tmp_path):
    exercises = {exercise.name: exercise for exercise in (STEP, LENGTHS, WEIGHTS)}
    monkeypatch.setattr(registry, "find", exercises.__getitem__)
    monkeypatch.setattr(registry, "exercise_names", lambda: {"99": list(exercises)})
    folder = tmp_path / "solutions"
    folder.mkdir()
    (folder / "lesson_99.py").write_text("def lengths(words):\n    return [len(w) for w in words]\n", encoding="utf-8")
    monkeypatch.setattr(checks.places, "lessons_folder", lambda: tmp_path)
    return exercises


def test_check_reports_and_remembers(toy, capsys):
    assert check("step", documented) is None
    assert check("step", without_tanh) is None
    assert check("step", step) is None
    said = capsys.readouterr().out
    assert "○ step: not answered yet" in said
    assert '`hint("step")` opens hint 1 of 2.' in said
    assert "Lesson 99: 1 of 3 exercises done." in said
    assert [event["event"] for event in progress.events("99")] == ["failed", "passed"]


def test_hints_open_one_at_a_time_and_then_point_to_the_solution(toy, capsys):
    hint("step")
    first = capsys.readouterr().out
    hint("step")
    second = capsys.readouterr().out
    hint("step")
    third = capsys.readouterr().out
    assert "**Hint 1 of 2.** Two products" in first
    assert "Hint 2" not in first
    assert "solution" not in first
    assert "**Hint 2 of 2.** One tanh" in second
    assert second == third
    assert '`step = solution("step")`' in second
    assert progress.count("99", "hint", "step") == 2
    check("step", without_tanh)
    assert 'solution("step")' in capsys.readouterr().out


def test_a_solution_is_shown_returned_and_remembered(toy, capsys):
    answer = solution("lengths")
    assert answer(["sam"]) == [3]
    said = capsys.readouterr().out
    assert "return [len(w) for w in words]" in said
    assert "lesson_99.py, line 1" in said
    assert solution("weights") == 10_100
    assert solution("step") is step
    assert progress.summary()["99"].solutions == 3


def test_a_report_is_escaped(toy):
    def angry(*arguments):
        raise ValueError("<script>alert(1)</script>")

    html = grade(STEP, angry).to_html("`hint`")
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "<code" in html
