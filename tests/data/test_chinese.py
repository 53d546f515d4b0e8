"""The small language: its sentences, and the sound of each character."""

from course_utils.data import chinese


def test_the_famous_sentences_are_learned_and_said_as_they_are():
    learn, unseen = chinese.split()
    assert [(one.english, one.chinese) for one in learn[:2]] == [
        ("life is like a box of chocolates", "人生就像一盒巧克力"),
        ("you never know what you are going to get", "你永远不知道会得到什么"),
    ]
    assert (len(learn), len(unseen)) == (240, 112)
    assert {*learn} | {*unseen} == {*chinese.sentences()}
    assert not {*learn} & {*unseen}


def test_what_is_unseen_is_made_of_what_was_seen():
    learn, unseen = chinese.split()
    assert {word for one in unseen for word in one.english.split()} <= {w for one in learn for w in one.english.split()}
    assert {character for one in unseen for character in one.chinese} <= {c for one in learn for c in one.chinese}


def test_nothing_is_said_twice():
    every = chinese.sentences()
    assert len({one.english for one in every}) == len({one.chinese for one in every}) == len(every) == 352


def test_siberia_has_weather_and_is_like_nothing():
    siberian = [one for one in chinese.sentences() if one.chinese.startswith("西")]
    assert len(siberian) == 16
    assert all(one.chinese.startswith("西伯利亚") and "天很" in one.chinese for one in siberian)


def test_each_polite_sentence_has_two_versions_that_agree_with_themselves():
    versions: dict[str, set[str]] = {}
    for english, written in chinese.polite_sentences():
        versions.setdefault(english, set()).add(written)
        assert sum(written.count(you) for you in "你您") == 2
        assert len({*written} & {*"你您"}) == 1
    assert all(len(two) == 2 for two in versions.values())
    assert versions["you love your work"] == {"你爱你的工作", "您爱您的工作"}


def test_every_character_has_a_sound_and_none_is_spare():
    used = {c for one in [*chinese.sentences(), *chinese.polite_sentences()] for c in one.chinese}
    assert used == {*chinese.PINYIN}
    assert chinese.PINYIN["盒"] == "hé"
    assert all(sound.isalpha() for sound in chinese.PINYIN.values())
