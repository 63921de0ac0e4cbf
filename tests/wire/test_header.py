"""Headers that are dictionaries and have attributes."""

import copy
import pickle
from types import SimpleNamespace

import pytest

from ibm_circuit_job.wire.results.header import Header, give_header


def test_entries_are_attributes():
    header = Header(name="bell")
    header.memory_slots = 2
    assert (header.name, header["memory_slots"], header.to_dict()) == ("bell", 2, {"name": "bell", "memory_slots": 2})
    assert type(header.to_dict()) is dict


def test_what_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="the header has no 'colour'"):
        _ = Header().colour
    assert getattr(Header(), "colour", None) is None


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda header: pickle.loads(pickle.dumps(header))])
def test_copies_and_pickles_are_alike(again):
    header = Header(name="bell")
    assert again(header) == header
    assert again(header).name == "bell"


def test_dictionary_becomes_a_header_and_nothing_else_does():
    part, other, bare = SimpleNamespace(header={"name": "bell"}), SimpleNamespace(header="x"), SimpleNamespace()
    for each in (part, other, bare):
        give_header(each)
    assert part.header.name == "bell"
    assert other.header == "x"
    assert not hasattr(bare, "header")
