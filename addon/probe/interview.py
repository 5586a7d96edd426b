"""Asks the questions in order, several at once where they can stand in one request, and keeps what was found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Protocol

from addon.probe import ProbeError, Stopped
from addon.probe.endpoint import Endpoint, Outcome
from addon.probe.opening import open_endpoint
from addon.probe.proof import proof
from addon.probe.question import MOST, Finding, Known, Question
from addon.probe.questions import ALL
from addon.probe.shapes import shapes

MOST_OUTAGES = 3  # in a row
FEW = 3  # questions that are asked one by one rather than in halves


class Progress(Protocol):
    """What the person who waits is told."""

    def asking(self, what: str) -> None: ...
    def found(self, finding: Finding) -> None: ...
    def note(self, text: str) -> None: ...


@dataclass
class Interview:
    """skip: names of questions that are not asked. stopped: why it ended early, "" when it did not."""

    endpoint: Endpoint
    known: Known
    progress: Progress
    skip: frozenset[str] = frozenset()
    stopped: str = ""
    outages: int = field(default=0, repr=False)

    def run(self, questions: Iterable[Question] = ALL) -> None:
        """Ask all that comes up; `known.findings` holds a finding for each. Raises ProbeError when there is nothing
        to be asked at all; what stops it later is kept in `stopped`."""
        self.progress.asking("endpoint, key and model")
        try:
            opening = open_endpoint(self.endpoint, self.known)
        except Stopped as why:
            raise ProbeError(str(why)) from None
        for finding in opening:
            self._keep(finding)
        try:
            self._ask_all(questions)
        except Stopped as why:
            self.stopped = str(why)
        for finding in shapes(self.known.replies):
            self._keep(finding)

    def prove(self) -> None:
        """Send one request as Codex would send it, made with the profile that follows from the findings."""
        if self.stopped or "proof" in self.skip:
            return
        self.progress.asking("a request of Codex's with the new profile")
        try:
            self._keep(proof(self.known, lambda body: self._request(body, MOST)))
        except Stopped as why:
            self.stopped = str(why)

    def _ask_all(self, questions: Iterable[Question]) -> None:
        for together, group in groupby(questions, key=lambda question: question.together or question.name):
            wanted = list(self._wanted(group))
            self._ask_together(together, wanted)

    def _wanted(self, group: Iterable[Question]) -> Iterator[Question]:
        """The questions of a group that come up; each is looked at after the one before was answered, if alone."""
        for question in group:
            if question.name in self.skip:
                self._keep(Finding(question.name, question.asks, "not asked", "skipped"))
            elif question.when(self.known):
                yield question

    def _ask_together(self, what: str, questions: Sequence[Question], *, refused: bool = False) -> bool:
        """Ask them in one request, then, if it is refused, in halves, so that one refusal among many costs few
        requests. refused: that they can't stand together is known. Returns whether all are taken."""
        if len(questions) < 2:
            return all(self._ask_one(question) for question in questions)
        if not refused:
            self.progress.asking(f"{what}, {len(questions)} at once")
            outcome = self._ask(questions, again=False)
            if outcome.kind == "answered":
                shared = replace(outcome, words=f"in one request with {len(questions) - 1} more")
                for question in questions:
                    self._judge(question, shared)
                return True
            self.progress.note(f"{what}: {len(questions)} are not taken at once; asking in smaller parts")
        if len(questions) <= FEW:
            for question in questions:
                self._ask_one(question)
            return False
        half = len(questions) // 2
        taken = self._ask_together(what, questions[:half])
        self._ask_together(what, questions[half:], refused=taken)
        return False

    def _ask_one(self, question: Question) -> bool:
        self.progress.asking(question.asks)
        outcome = self._ask([question])
        self._judge(question, outcome)
        return outcome.kind == "answered"

    def _ask(self, questions: Sequence[Question], *, again: bool = True) -> Outcome:
        body = self.known.plain(max(question.limit for question in questions))
        for question in questions:
            question.add(body, self.known)
        return self._request(body, min(question.most for question in questions), again=again)

    def _request(self, body: dict[str, object], most: int, *, again: bool = True) -> Outcome:
        """One request. A server that breaks on the question twice but still takes a plain one has refused it.
        again: whether an outage is told from a refusal here; else its parts are asked about next."""
        outcome = self.endpoint.ask(body, most, again=again)
        if outcome.status == 401:
            raise Stopped(f"the endpoint no longer takes the key: {outcome.evidence}")
        if outcome.kind == "answered":
            self.known.replies.append(outcome.reply)
        if outcome.kind != "failed":
            self.outages = 0
        if outcome.kind != "failed" or not again:
            return outcome
        if outcome.status and self.endpoint.ask(self.known.plain(), MOST).kind == "answered":
            self.outages = 0
            return replace(outcome, kind="refused", words=f"twice, though a plain request is answered: {outcome.words}")
        self.outages += 1
        if self.outages >= MOST_OUTAGES:
            raise Stopped(f"the endpoint stopped answering: {outcome.evidence}")
        return outcome

    def _judge(self, question: Question, outcome: Outcome) -> None:
        made: Callable[..., Finding] = lambda *rest: Finding(question.name, question.asks, *rest)  # noqa: E731
        if outcome.kind == "answered":
            verdict = question.judge(outcome.reply, self.known)
            self._keep(made(verdict.answer, verdict.says, outcome.evidence, verdict.value))
        elif outcome.kind == "refused" and outcome.status != 403:
            self._keep(made("no", "", outcome.evidence))
        else:
            self._keep(made("unknown", "refused for a reason of its own" if outcome.status else "no answer",
                            outcome.evidence))  # fmt: skip

    def _keep(self, finding: Finding) -> None:
        self.known.findings[finding.name] = finding
        self.progress.found(finding)
