"""The tables of measured figures in the documentation, and the file that they are made from."""

import json

import figures
import pytest

GROUPS = {
    "decoding": {"figures": [{"what": "first", "ours": 2.0, "unit": "ms", "provider": 9.0, "headline": True}]},
    "rates": {"figures": [{"what": "answers", "ours": 900.0, "runtime": 100.0, "more_is_better": True}]},
}
DOCUMENT = "a\n<!-- begin: {0}, written by make bench-tables -->\n\n{1}\n<!-- end: {0} -->\nb\n"


@pytest.mark.parametrize("name", figures.DOCUMENTS)
def test_tables_are_those_of_the_saved_figures(name):
    text = (figures.ROOT / name).read_text(encoding="utf-8")
    groups = json.loads((figures.ROOT / figures.SAVED).read_text(encoding="utf-8"))
    assert "written by make bench-tables" in text
    assert figures.with_tables(text, groups) == text


def test_saved_figures_are_in_the_documented_form():
    for group in json.loads((figures.ROOT / figures.SAVED).read_text(encoding="utf-8")).values():
        assert {"measured", "cores", "load", "figures"} == {*group}
        assert [figures.checked(figure) for figure in group["figures"]] == group["figures"]
        assert len({figure["what"] for figure in group["figures"]}) == len(group["figures"])


def test_table_has_figures_ratios_and_no_empty_columns():
    made = figures.with_tables(DOCUMENT.format("decoding", "old"), GROUPS)
    table = "| what | this library | `qiskit-ibm-provider` | ratio |\n| --- | --- | --- | --- |\n"
    assert made == DOCUMENT.format("decoding", f"{table}| first | 2 ms | 9 ms | 4.5 |\n")
    assert figures.with_tables(made, GROUPS) == made


def test_headlines_are_those_of_all_groups():
    made = figures.with_tables(DOCUMENT.format("headlines", "old"), GROUPS)
    assert "| first | 2 ms |" in made
    assert "answers" not in made


def test_ratio_of_a_rate_is_the_other_way_round():
    assert figures.ratios(GROUPS["rates"]["figures"][0]) == {"runtime": 9.0}


def test_table_of_a_group_not_measured_is_an_error():
    with pytest.raises(ValueError, match="no group 'unknown'; run make bench"):
        figures.with_tables(DOCUMENT.format("unknown", "old"), GROUPS)


@pytest.mark.parametrize(
    "wrong", [{"what": "a"}, {"ours": 1.0}, {"what": "a", "ours": 1.0, "note": 3}, {"what": "a", "ours": 1, "x": 2}]
)
def test_figure_of_another_form_is_an_error(wrong):
    with pytest.raises(ValueError, match="expected a figure with what and ours"):
        figures.checked(wrong)
