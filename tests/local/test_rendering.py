"""Making HTML of the views of the page: where, and how often."""

import asyncio
import threading

import pytest

from ibm_circuit_job.local.rendering import Rendering, View


class Maker:
    """Makes HTML, and counts how often and in which threads."""

    def __init__(self, fails=False):
        self.threads, self.fails = [], fails

    def __call__(self, words):
        self.threads.append(threading.get_ident())
        if self.fails:
            raise ValueError(words)
        return f"<p>{words}</p>"


def made(*views):
    async def all_at_once():
        rendering = Rendering()
        return await asyncio.gather(*map(rendering.html, views))

    return asyncio.run(all_at_once())


def test_streams_that_show_the_same_share_what_is_made():
    maker = Maker()
    assert made(*[View("jobs", maker, ("a",)) for _ in range(50)]) == ["<p>a</p>"] * 50
    assert len(maker.threads) == 1


def test_other_values_and_other_paths_are_made_anew():
    maker = Maker()
    views = [View("jobs", maker, ("a",)), View("jobs", maker, ("b",)), View("devices", maker, ("b",))]
    assert made(*views) == ["<p>a</p>", "<p>b</p>", "<p>b</p>"]
    assert len(maker.threads) == 3


def test_event_loop_goes_on_while_html_is_made():
    maker = Maker()
    made(View("jobs", maker, ("a",)))
    assert threading.get_ident() not in maker.threads


def test_client_that_leaves_takes_nothing_from_the_others():
    maker = Maker()
    view = View("jobs", maker, ("a",))

    async def one_leaves():
        rendering = Rendering()
        leaves, stays = (asyncio.ensure_future(rendering.html(view)) for _ in range(2))
        await asyncio.sleep(0)
        leaves.cancel()
        return await stays

    assert asyncio.run(one_leaves()) == "<p>a</p>"
    assert len(maker.threads) == 1


def test_error_reaches_each_of_those_that_asked():
    with pytest.raises(ValueError, match="a"):
        made(View("jobs", Maker(fails=True), ("a",)))


def test_only_the_last_views_stay_in_memory():
    maker = Maker()

    async def many():
        rendering = Rendering()
        for number in [*range(65), 64, 0]:
            await rendering.html(View(str(number), maker, ("a",)))

    asyncio.run(many())
    assert len(maker.threads) == 66
