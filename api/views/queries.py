"""Views that answer with JSON: a page of hits, counts, posts by their URIs, a thread, and what the lake holds."""

from collections.abc import Mapping
from typing import Any

from api.answers import analysis
from api.answers.page import answer_page
from api.answers.thread import thread
from api.params.analysis import PostsParams, ThreadParams, TimelineParams, TopParams
from api.params.search import SearchParams
from api.params.strict import WindowParams
from api.schema.endpoints import COVERAGE, POSTS, SEARCH, STATS, THREAD, TIMELINE, TOP
from api.views.view import AnswerView
from lake.catalog.coverage import coverage
from lake.catalog.figures import stats


@SEARCH
class SearchView(AnswerView):
    query = "search"
    params = SearchParams
    takes_slot = False

    def answer(self, values: Mapping[str, Any], deadline: float) -> dict[str, Any]:
        return answer_page(values, self.flags, deadline)


@TIMELINE
class TimelineView(AnswerView):
    query = "timeline"
    params = TimelineParams

    def answer(self, values: Mapping[str, Any], _deadline: float) -> dict[str, Any]:
        return analysis.timeline(values, self.flags)


@TOP
class TopView(AnswerView):
    query = "top"
    params = TopParams

    def answer(self, values: Mapping[str, Any], _deadline: float) -> dict[str, Any]:
        return analysis.top(values, self.flags)


@POSTS
class PostsView(AnswerView):
    """POST only: its lists are long."""

    http_method_names = ["post"]
    query = "posts"
    params = PostsParams

    def answer(self, values: Mapping[str, Any], _deadline: float) -> dict[str, Any]:
        return analysis.posts(values, self.flags)


@THREAD
class ThreadView(AnswerView):
    query = "thread"
    params = ThreadParams

    def answer(self, values: Mapping[str, Any], deadline: float) -> dict[str, Any]:
        return thread(values, self.flags, deadline)


@STATS
class StatsView(AnswerView):
    query = "stats"
    params = WindowParams

    def answer(self, values: Mapping[str, Any], _deadline: float) -> dict[str, Any]:
        return {**stats(**values), "meta": {}}


@COVERAGE
class CoverageView(AnswerView):
    query = "coverage"
    params = WindowParams

    def answer(self, values: Mapping[str, Any], _deadline: float) -> dict[str, Any]:
        return {**coverage(**values), "meta": {}}
