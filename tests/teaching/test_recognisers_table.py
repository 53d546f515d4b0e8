import json

import pytest

from course_utils.teaching import recognisers_table as table


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    path = tmp_path / "recognisers.json"
    runs = [{"HMM": {"unseen voices": share}} for share in (0.1, 0.3, 0.11)]
    first = {"recurrent network": {"seeds": 10, "errors": {"unseen voices": [0.03, 0.02, 0.05]}}}
    path.write_text(json.dumps({"04": first, "05": table.summarise(runs)}))
    monkeypatch.setattr(table, "KEPT", path)
    return path


def test_this_run_stands_beside_the_earlier_ones():
    shown = table.show("04", {"recurrent network": {"unseen voices": 0.041, "real speakers": 0.4}})
    assert repr(shown).startswith("Words wrong, in per cent\nlesson  recogniser")
    assert "now 4.1 · 3.0 (2.0–5.0)" in repr(shown)
    assert "now 40.0" in repr(shown)
    assert "HMM" not in repr(shown)  # a later lesson's
    assert "<td" in shown._repr_html_()
    assert "recurrent network: 10" in shown._repr_html_()


def test_a_later_lesson_shows_the_earlier_rows():
    shown = table.show("05", {"hybrid": {"unseen voices": 0.02}})
    assert [(row.lesson, row.name) for row in shown.rows] == [
        ("04", "recurrent network"),
        ("05", "HMM"),
        ("05", "hybrid"),
    ]
    assert "11.0 (10.0–30.0)" in repr(shown)
    assert shown.rows[2].kept == {}


def test_one_run_has_no_range(kept):
    kept.write_text(json.dumps({"04": table.summarise([{"recurrent network": {"unseen voices": 0.2}}])}))
    [line] = [line for line in repr(table.show("05", {})).splitlines() if line.startswith("04")]
    assert line.split() == ["04", "recurrent", "network", "20.0"]


def test_figures_are_collected_where_a_file_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv(table.COLLECT, str(tmp_path / "out.jsonl"))
    for _ in range(2):
        table.show("05", {"HMM": {"unseen voices": 0.2}})
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert [json.loads(line)["figures"] for line in lines] == [{"HMM": {"unseen voices": 0.2}}] * 2


def test_an_empty_course_has_an_empty_table(kept):
    kept.unlink()
    assert table.show("04", {}).rows == []
    assert "none yet" in table.show("04", {"a": {"b": 0.5}})._repr_html_()


def test_a_percentage_is_refused():
    with pytest.raises(ValueError, match="no share of words"):
        table.show("04", {"a": {"b": -0.1}})


def test_names_are_escaped():
    assert "<b>" not in table.show("04", {"<b>": {"x": 0.5}})._repr_html_()
