"""Which instance of an account is meant, and what is read of the search and the catalog."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from returns.result import Success

from ibm_circuit_job.clients.instances import (
    Instance,
    InstanceWish,
    candidates,
    choose_instance,
    read_plan,
    read_search,
    with_plans,
)
from ibm_circuit_job.errors import Unsupported


def crn(number, region="us-east", account="1"):
    return f"crn:v1:bluemix:public:quantum-computing:{region}:a/{account}:{number}::"


def instance(number, name="lab", plan="open", pricing="free", region="us-east", **more):
    return Instance(crn(number, region), name, plan, pricing, region, **more)


FREE = instance(1)
TRIAL = instance(2, "try", "flex", "trial")
PAYGO = instance(3, "pay", "pay-as-you-go", "paygo", "eu-de", tags=("Physics",))
PREMIUM = instance(4, "big", "premium", "subscription")
ALL = [PREMIUM, PAYGO, TRIAL, FREE]


def chosen(instances, **wish):
    return choose_instance(instances, InstanceWish(**wish)).unwrap()


def refusal(instances, **wish):
    failure = choose_instance(instances, InstanceWish(**wish)).failure()
    assert isinstance(failure, Unsupported)
    return failure.message


@pytest.mark.parametrize("named", [None, "auto"])
def test_free_instance_is_taken_before_a_trial(named):
    assert chosen(ALL, instance=named) == FREE
    assert chosen([PREMIUM, PAYGO, TRIAL], instance=named) == TRIAL


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ({"plans_preference": ["premium", "open"]}, PREMIUM),
        ({"plans_preference": ["Dedicated", "Pay-as-you-go"]}, PAYGO),
        ({"region": "eu-de"}, PAYGO),
        ({"tags": ["physics"]}, PAYGO),
        ({"region": "us-east", "plans_preference": ["open", "premium"]}, FREE),
        ({"instance": crn(4)}, PREMIUM),
        ({"instance": "pay"}, PAYGO),
        ({"instance": "pay", "region": "us-east"}, PAYGO),
    ],
)
def test_what_is_asked_for_decides_before_the_price(wish, expected):
    assert chosen(ALL, **wish) == expected


def test_several_that_are_paid_for_are_listed():
    said = refusal([PREMIUM, PAYGO])
    assert "'big' (premium, us-east), 'pay' (pay-as-you-go, eu-de)" in said


def test_unknown_pricing_counts_as_paid_for():
    old = instance(5, "old", "unknown", "unknown")
    said = refusal([PREMIUM, old])
    assert "one of several instances that may cost money" in said
    assert "'old' (unknown, us-east); the global catalog does not name the unknown plans; give the name" in said
    assert "the global catalog" not in refusal([old], instance="lab")
    assert "the global catalog does not name" in refusal([old], plans_preference=["open"])


def test_several_free_ones_are_taken_by_name():
    assert chosen([instance(9, "b"), instance(8, "c"), instance(7, "a")]).name == "a"


@pytest.mark.parametrize(
    ("wish", "expected"),
    [({"region": "eu-de"}, 1), ({"plans_preference": ["premium"]}, 2), ({"tags": ["x"]}, 3)],
)
def test_several_of_a_name_are_told_apart(wish, expected):
    same = [instance(0), instance(1, region="eu-de"), instance(2, plan="premium"), instance(3, tags=("x",))]
    assert chosen(same, instance="lab", **wish) == same[expected]


def test_several_of_a_name_are_an_error_with_their_crns():
    said = refusal([FREE, instance(5, region="eu-de")], instance="lab", region="eu-gb")
    assert crn(1) in said
    assert f"{crn(5, 'eu-de')} (open, eu-de)" in said


@pytest.mark.parametrize(
    ("instances", "wish", "words"),
    [
        ([], {}, "the token is valid, but its account has no instance.*create one at https://quantum.cloud.ibm.com"),
        ([instance(1, has_allocation=False)], {}, "create one.*no allocated backends: 'lab'"),
        ([instance(1, has_allocation=False)], {"instance": "lab"}, "nothing is allocated to it; ask the administrator"),
        (ALL, {"instance": "labb"}, "no instance is named 'labb'"),
        (ALL, {"instance": crn(1, account="2")}, "use a token of the account of that instance"),
        (ALL, {"region": "eu-gb", "tags": ["a"], "plans_preference": ["open"]}, "region 'eu-gb', plan 'open', tags"),
        (ALL, {"plans_preference": ["flux"]}, "no instance fits plan 'flux'; the account has 'big'"),
    ],
)
def test_no_instance_is_an_error_that_says_what_to_do(instances, wish, words):
    assert re.search(words, refusal(instances, **wish))


texts = st.sampled_from(["a", "b", "c"])
instances_of_accounts = st.lists(
    st.builds(
        Instance,
        st.integers(0, 30).map(crn),
        texts,
        st.sampled_from(["open", "premium", "flex", "unknown"]),
        st.sampled_from(["free", "trial", "paygo", "subscription", "unknown"]),
        st.sampled_from(["us-east", "eu-de"]),
        st.lists(texts).map(tuple),
        st.booleans(),
    ),
    unique_by=lambda each: each.crn,
    max_size=8,
)
wishes = st.builds(
    InstanceWish,
    st.sampled_from([None, "auto", "a", "b", crn(0), crn(1)]),
    st.sampled_from([None, "us-east", "eu-de"]),
    st.lists(st.sampled_from(["open", "premium", "flex"]), max_size=3),
    st.lists(texts, max_size=1),
)


@given(instances_of_accounts, wishes)
def test_chosen_instance_is_one_of_those_that_may_be_meant(instances, wish):
    match choose_instance(instances, wish):
        case Success(found):
            assert found in candidates(instances, wish)
            assert found.has_allocation
            if wish.named is None:
                assert wish.region in {None, found.region}
                assert set(wish.tags) <= set(found.tags)
                assert not wish.plans_preference or found.plan in wish.plans_preference


@given(instances_of_accounts.flatmap(lambda each: st.tuples(st.just(each), st.permutations(each))), wishes)
def test_order_of_the_instances_does_not_matter(lists, wish):
    one, other = (choose_instance(each, wish) for each in lists)
    assert one == other


@given(instances_of_accounts)
def test_paid_instance_is_never_taken_beside_others_unasked(instances):
    match choose_instance(instances, InstanceWish()):
        case Success(found):
            usable = [each for each in instances if each.has_allocation]
            assert found.pricing_type in {"free", "trial"} or len(usable) == 1


def item(number, **more):
    return {
        "crn": crn(number),
        "name": "lab",
        "service_plan_unique_id": "plan",
        "doc": {"extensions": {"backends": ["x"]}},
        "tags": ["x"],
    } | more


def page(*items, **more):
    return read_search(json.dumps({"items": items} | more).encode()).unwrap()


def test_page_of_the_search_is_read():
    read = page(item(1), search_cursor="next")
    assert read.cursor == "next"
    assert read.instances == (Instance(crn(1), "lab", tags=("x",), plan_id="plan"),)


@pytest.mark.parametrize("doc", [None, {}, {"extensions": {}}, {"extensions": None}, "x", []])
def test_instance_without_extensions_has_no_allocation(doc):
    assert not page(item(1, doc=doc)).instances[0].has_allocation


@pytest.mark.parametrize(
    "broken",
    [3, None, {}, {"crn": 5}, item(1, crn="crn:v1:b:p:quantum-computing:evil.example/:a/1:2::"), {"crn": ["x"]}],
)
def test_item_that_cannot_be_read_costs_itself_alone(broken):
    assert [each.crn for each in page(broken, item(2)).instances] == [crn(2)]


def test_parts_that_an_item_lacks_cost_only_themselves():
    [read] = page(item(1, name=5, tags=["a", 3, None], service_plan_unique_id={})).instances
    assert read == Instance(crn(1), tags=("a",))


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"items": {}}', b""])
def test_reply_that_is_no_search_is_a_failure(body):
    assert read_search(body).failure().what == "answer of the search"


@pytest.mark.parametrize("body", [None, b"<html>", b"[]", b'{"overview_ui": []}', b'{"metadata": {"pricing": "x"}}'])
def test_plan_of_which_nothing_is_said_is_unknown(body):
    assert read_plan(body) == ("unknown", "unknown")
    assert with_plans([FREE], {})[0].plan == "unknown"


def test_instance_names_its_region_and_account():
    found = Instance(crn(1, "eu-de", "acc"))
    assert (found.region, found.account) == ("eu-de", "acc")
    assert list(found.to_dict()) == ["crn", "plan", "name", "tags", "pricing_type", "region"]
