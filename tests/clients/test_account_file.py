"""The file of saved accounts: of every era and in every state, read, written, and not damaged."""

import json
import os
import stat
import sys
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibm_circuit_job import IBMAccountError, IBMProvider
from ibm_circuit_job.clients import account_file
from ibm_circuit_job.clients.account_file import SavedAccount, accounts_in, entries_in, picked, text_of, with_account

CRN = "crn:v1:bluemix:public:quantum-computing:us-east:a/1:2::"
CLASSIC = {"channel": "ibm_quantum", "token": "t", "url": "https://auth.quantum-computing.ibm.com/api"}


@pytest.fixture
def file(tmp_path):
    return tmp_path / ".qiskit" / "accounts.json"


def accounts(**entries):
    return [SavedAccount(name.replace("_", "-"), fields) for name, fields in entries.items()]


PLATFORM, CLOUD = {"channel": "ibm_quantum_platform"}, {"channel": "ibm_cloud"}
MARK = {"is_default_account": True}


@pytest.mark.parametrize(
    ("entries", "channel", "name"),
    [
        ({"a": PLATFORM, "b": PLATFORM | MARK, "default_ibm_quantum_platform": PLATFORM}, None, "b"),
        ({"a": PLATFORM, "default_ibm_quantum_platform": PLATFORM}, None, "default-ibm-quantum-platform"),
        ({"default_ibm_cloud": CLOUD, "default_ibm_quantum_platform": PLATFORM}, None, "default-ibm-quantum-platform"),
        ({"default_ibm_cloud": CLOUD, "a": PLATFORM}, None, "a"),
        ({"a": CLOUD, "default_ibm_cloud": CLOUD}, None, "default-ibm-cloud"),
        ({"default_ibm_quantum_platform": PLATFORM, "a": CLOUD}, "ibm_cloud", "a"),
        ({"a": PLATFORM}, "ibm_cloud", "a"),
        ({"default_ibm_quantum": CLASSIC | MARK, "a": PLATFORM, "b": PLATFORM}, None, "a"),
        ({"default_ibm_quantum": CLASSIC, "a": PLATFORM}, "ibm_quantum", "default-ibm-quantum"),
        ({"default_legacy": {"auth": "legacy"}, "default_cloud": {"auth": "cloud"}}, None, "default-cloud"),
        ({"default_legacy": {"auth": "legacy"}}, None, "default-legacy"),
        ({"a": {}}, None, "a"),
        ({}, None, None),
        ({"a": PLATFORM}, "ibm_quantum", None),
    ],
)
def test_account_is_picked_in_the_order_of_the_official_client(entries, channel, name):
    found = picked(accounts(**entries), channel)
    assert (found and found.name) == name


BROKEN = {"no JSON": b"{", "a list": b'["s3cret"]', "text": b'"s3cret"', "no UTF-8": b'{"s3cret\xff'}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_broken_file_is_named_and_not_repeated(file, body):
    file.parent.mkdir()
    file.write_bytes(body)
    with pytest.raises(IBMAccountError) as raised:
        IBMProvider.saved_accounts(filename=file)
    assert str(file) in str(raised.value)
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_broken_file_is_not_overwritten(file, body):
    file.parent.mkdir()
    file.write_bytes(body)
    with pytest.raises(IBMAccountError, match="move it away"):
        IBMProvider.save_account("secret", filename=file)
    assert file.read_bytes() == body


@pytest.mark.parametrize("body", [b"", b" \n", b"\xef\xbb\xbf", b"{}"])
def test_file_without_accounts_has_none(body):
    assert entries_in(body, "x") == {}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_byte_order_mark_does_no_harm(encoding):
    body = json.dumps({"m": {"token": "t", "instance": "é"}}, ensure_ascii=False).encode(encoding)
    assert accounts_in(entries_in(body, "x")) == ([SavedAccount("m", {"token": "t", "instance": "é"})], [])


def test_entry_that_is_none_costs_itself_alone():
    entries = entries_in(b'{"a": 5, "b": {"token": "t"}, "c": null}', "x")
    assert accounts_in(entries) == ([SavedAccount("b", {"token": "t"})], ["a", "c"])


def test_folder_in_place_of_the_file_is_named(tmp_path):
    with pytest.raises(IBMAccountError, match=r"cannot read the saved accounts in .*: Is a directory"):
        IBMProvider.saved_accounts(filename=tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="of POSIX")
def test_file_is_its_owners_alone_and_replaced_in_one_step(file, monkeypatch):
    IBMProvider.save_account("secret", filename=file)
    file.chmod(0o644)
    IBMProvider.save_account("secret", filename=file, name="other")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = file.read_bytes()
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(IBMAccountError, match="No space left"):
        IBMProvider.save_account("secret", filename=file, name="third")
    assert (file.read_bytes(), os.listdir(file.parent)) == (before, [file.name])  # noqa: PTH208 - hidden ones, too


@pytest.mark.skipif(sys.platform == "win32", reason="of POSIX")
def test_symbolic_link_stays_one(file, tmp_path):
    file.parent.mkdir()
    file.symlink_to(tmp_path / "real.json")
    IBMProvider.save_account("secret", filename=file)
    assert file.is_symlink()
    assert "secret" in (tmp_path / "real.json").read_text()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(), values, max_size=3),
    max_leaves=6,
)
FILES = st.dictionaries(st.text(st.characters(codec="utf-8")), JSON, max_size=5)


def raw(entries):
    return {name: bytes(value) for name, value in entries.items()}


@given(FILES, st.sampled_from([None, 2]), st.booleans())
def test_saving_leaves_the_other_entries_byte_by_byte(saved, indent, ensure_ascii):
    entries = entries_in(json.dumps(saved, indent=indent).encode(), "x")
    after = entries_in(text_of(with_account(entries, "mine", {"token": "t"}, overwrite=True, set_as_default=None)), "x")
    assert {name: value for name, value in raw(after).items() if name != "mine"} == {
        name: value for name, value in raw(entries).items() if name != "mine"
    }
    assert msgspec.json.decode(after["mine"])["token"] == "t"


@given(FILES, st.data())
def test_deleting_leaves_the_other_entries_byte_by_byte(saved, data):
    entries = entries_in(json.dumps(saved).encode(), "x")
    name = data.draw(st.sampled_from([*entries, "no such"]))
    after = entries_in(text_of(account_file.without(entries, name)), "x")
    assert raw(after) == {other: value for other, value in raw(entries).items() if other != name}


def test_account_is_replaced_only_where_that_is_said(file):
    IBMProvider.save_account("first", filename=file, set_as_default=True)
    with pytest.raises(IBMAccountError, match=r"the account .* exists; replace it with overwrite=True"):
        IBMProvider.save_account("second", filename=file)
    with pytest.raises(IBMAccountError, match=r"no other default account, .* overwrite=True"):
        IBMProvider.save_account("second", filename=file, name="b", set_as_default=True)
    IBMProvider.save_account("second", filename=file, overwrite=True)
    IBMProvider.save_account("third", filename=file, name="b", overwrite=True)
    saved = json.loads(file.read_text())
    assert saved["default-ibm-quantum-platform"] == {
        "channel": "ibm_quantum_platform",
        "is_default_account": True,
        "token": "second",
        "url": "https://cloud.ibm.com",
        "verify": True,
    }
    IBMProvider.save_account("third", filename=file, name="b", overwrite=True, set_as_default=True)
    assert list(IBMProvider.saved_accounts(filename=file, default=True)) == ["default-ibm-quantum-platform", "b"]
    assert [name for name, fields in json.loads(file.read_text()).items() if "is_default_account" in fields] == ["b"]


def test_every_field_is_saved_as_the_official_client_reads_it(file):
    IBMProvider.save_account(
        " key\n",
        "https://quantum.cloud.ibm.com/instances",
        CRN.rstrip(":"),
        None,
        {"https": "http://p:1"},
        False,
        channel="ibm_cloud",
        filename=file,
        private_endpoint=True,
        region="us-east",
        plans_preference=["open"],
        tags=["a", "b"],
    )
    assert json.loads(file.read_text()) == {
        "default-ibm-cloud": {
            "channel": "ibm_cloud",
            "token": "key",
            "url": "https://cloud.ibm.com",
            "instance": CRN,
            "proxies": {"urls": {"https": "http://p:1"}},
            "verify": False,
            "private_endpoint": True,
            "region": "us-east",
            "plans_preference": ["open"],
            "tags": ["a", "b"],
        }
    }


def test_saved_accounts_are_shown_without_secrets(file):
    proxies = {"urls": {"https": "http://ann:pa55@p:1"}, "username_ntlm": "ann", "password_ntlm": "pa55"}
    IBMProvider.save_account("s3cret", filename=file, proxies=proxies)
    IBMProvider.save_account("s3cret", filename=file, name="mine", instance="lab")
    shown = IBMProvider.saved_accounts(filename=file)
    assert "s3cret" not in str(shown)
    assert "pa55" not in str(shown)
    assert shown["default-ibm-quantum-platform"]["proxies"]["urls"] == {"https": "http://***@p:1"}
    assert list(IBMProvider.saved_accounts(False, filename=file)) == ["mine"]
    assert IBMProvider.saved_accounts(channel="ibm_quantum", filename=file) == {}
    assert IBMProvider.saved_accounts(channel="ibm_cloud", filename=file, name="mine")["mine"]["instance"] == "lab"


def test_deleting_what_is_not_there_is_no_trouble(file):
    assert not IBMProvider.delete_account(filename=file)
    assert not file.exists()
    IBMProvider.save_account("secret", filename=file)
    assert not IBMProvider.delete_account(filename=file, channel="ibm_cloud")
    assert IBMProvider.delete_account(filename=file)
    assert IBMProvider.saved_accounts(filename=file) == {}


@pytest.mark.parametrize("name", ["", " ", CRN, 5])
def test_name_that_is_none_is_refused(file, name):
    with pytest.raises(IBMAccountError, match="expected name to be the name of an account"):
        IBMProvider.save_account("secret", filename=file, name=name)


def test_account_of_the_archived_platform_is_not_saved(file):
    with pytest.raises(IBMAccountError, match="July 2025"):
        IBMProvider.save_account("secret", channel="ibm_quantum", filename=file)


def test_those_who_save_at_once_keep_the_accounts_of_each_other(file):
    def save_some(first):
        for number in range(first, first + 10):
            IBMProvider.save_account("s3cret", filename=file, name=f"account {number}")
        assert IBMProvider.delete_account(f"account {first}", filename=file)

    with ThreadPoolExecutor() as pool:
        list(pool.map(save_some, range(0, 80, 10)))
    assert len(IBMProvider.saved_accounts(filename=file)) == 8 * 9
    assert list(file.parent.iterdir()) == [file]


def test_impossible_file_name_is_an_account_error(tmp_path):
    with pytest.raises(IBMAccountError, match="cannot read the saved accounts"):
        IBMProvider.save_account("s3cret", filename=f"{tmp_path}/a\0b")


def test_password_in_a_saved_url_is_not_shown(file):
    file.parent.mkdir()
    file.write_text('{"mine": {"token": "s3cret", "url": "https://ann:pa55@cloud.ibm.com"}}')
    shown = IBMProvider.saved_accounts(filename=file)
    assert shown == {"mine": {"url": "https://***@cloud.ibm.com"}}
