"""Totals as a table that fits a terminal and reads the same through a pipe, and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from addon.recording.times import utc
from relay_translate.errors import one_line
from relay_translate.profiles.prices import CHECKED
from relay_translate.transcript import columns, count
from relay_translate.transcript.layout import fitting, padded

from .totals import Group, Json, Sums, Totals, percentile

_COLUMNS = (
    # heading, above it, gap before it, least width
    ("thread", "", 0, 0), ("model", "", 2, 0), ("turns", "", 2, 0), ("failed", "", 1, 0),
    ("in", "tokens", 2, 6), ("cached", "", 1, 0), ("hit", "", 1, 4), ("out", "", 1, 6), ("thought", "", 1, 0),
    ("p50", "first token", 2, 6), ("p95", "", 1, 6), ("p50", "whole turn", 2, 6), ("p95", "", 1, 6),
    ("cost", "", 2, 0),
)  # fmt: skip
_TEXT = (0, 1)  # columns of words stand left, numbers right
_MODEL = 1  # the column that gives way when the table is too wide
_SHORTEST_MODEL = 6
_MOST_THREADS = 40  # named below the table


def lines(totals: Totals, width: int = 120) -> list[str]:
    """Columns of one row for each thread and model, all threads by model, the whole; then what has to be said."""
    if not totals.groups:
        return ["no turn has ended yet"]
    numbers = {thread: str(number) for number, thread in enumerate(totals.threads, 1)}
    by_model = totals.by_model()
    rows = [_row(numbers[group.thread], group, sums, by_model) for group, sums in ordered(totals)]
    rows = [["" if i and row[0] == rows[i - 1][0] else row[0], *row[1:]] for i, row in enumerate(rows)]
    if 1 < len(by_model) < len(totals.groups):
        rows += [_row("", group, sums, by_model) for group, sums in by_model.items()]
        rows[-len(by_model)][0] = "all"
    whole = totals.all()
    rows.append(_row("total", None, whole, by_model))
    said = [*_threads(totals, numbers), *_endings(whole), *_unsure(whole), *_prices(totals, by_model)]
    return [*_laid_out(rows, width), "", *(_cut(line, width) for line in said)]


def sentences(totals: Totals) -> list[str]:
    """`deepseek-chat: 3 turns, 1 failed · 25.6k in (64% cached), 296 out · 0.80 s first, 4.2 s (medians) · $0.0121`,
    for each model and for all; then how turns ended that were not completed, and what is not known of them."""
    by_model, whole = totals.by_model(), totals.all()
    if not by_model:
        return ["no turn has ended yet"]
    found = [_sentence(_name(group, by_model), sums) for group, sums in by_model.items()]
    if len(by_model) > 1:
        found.append(_sentence("all", whole))
    return [*found, *_endings(whole), *_unsure(whole)]


def _sentence(name: str, sums: Sums) -> str:
    about = "~" if sums.estimated else ""
    turns = count(sums.turns, "turn") + (f", {sums.endings['failed']:,} failed" if sums.endings["failed"] else "")
    hit = f" ({sums.hit_rate:.0%} cached)" if sums.hit_rate is not None else ""
    tokens = f"{about}{short(sums.tokens_in)} in{hit}, {about}{short(sums.tokens_out)} out" if sums.told else ""
    first, total = percentile(sums.first_token, 0.5), percentile(sums.total, 0.5)
    times = [f"{_seconds(first)} s first"] if first is not None else []
    times += [f"{_seconds(total)} s"] if total is not None else []
    took = f"{', '.join(times)} (medians)" if times else ""
    cost = _cost(sums)
    return f"{name}: " + " · ".join(filter(None, [turns, tokens, took, "" if cost == "-" else cost]))


def as_json(totals: Totals) -> Json:
    """Numbers as they are: tokens, seconds, USD, Unix time; null is "unknown"."""
    threads = []
    for name, thread in totals.threads.items():
        of = [(group, sums) for group, sums in totals.groups.items() if group.thread == name]
        models = [{"provider": group.provider, "model": group.model, **_facts(sums)} for group, sums in of]
        threads.append({"thread": name, "begun": thread.begun, "last": thread.last, "models": models})
    models = [{"provider": of.provider, "model": of.model, **_facts(sums)} for of, sums in totals.by_model().items()]
    return {"threads": threads, "models": models, "total": _facts(totals.all())}


def ordered(totals: Totals) -> list[tuple[Group, Sums]]:
    """Thread by thread, as they began."""
    place = {thread: number for number, thread in enumerate(totals.threads)}
    return sorted(totals.groups.items(), key=lambda one: place[one[0].thread])


def _facts(sums: Sums) -> Json:
    return {
        "turns": sums.turns,
        "turns_without_token_counts": sums.turns - sums.told,
        "turns_with_estimated_tokens": sums.estimated,
        "turns_with_more_cached_than_input": sums.overcounted,
        "input_tokens": sums.tokens_in,
        "cached_tokens": sums.cached,
        "cache_hit_rate": sums.hit_rate,
        "output_tokens": sums.tokens_out,
        "reasoning_tokens": sums.reasoning,
        "first_token_seconds": {"p50": percentile(sums.first_token, 0.5), "p95": percentile(sums.first_token, 0.95)},
        "total_seconds": {"p50": percentile(sums.total, 0.5), "p95": percentile(sums.total, 0.95)},
        "not_completed": dict(sums.endings),
        "errors": dict(sums.errors),
        "cost_usd": sums.known_cost,
        "turns_without_price": sums.hidden,
    }


def _row(label: str, group: Group | None, sums: Sums, by_model: dict[Group, Sums]) -> list[str]:
    hit, first, total = sums.hit_rate, sums.first_token, sums.total
    about = "~" if sums.estimated else ""
    tokens = [sums.tokens_in, sums.cached] if sums.told else []
    said = [sums.tokens_out, sums.reasoning] if sums.told else []
    return [
        label,
        _name(group, by_model) if group else "",
        f"{sums.turns:,}",
        f"{sums.endings['failed']:,}" if sums.endings["failed"] else "-",
        *([about + short(one) for one in tokens] or ["?", "?"]),
        "-" if hit is None else f"{hit:.0%}",
        *([about + short(one) for one in said] or ["?", "?"]),
        *(_seconds(percentile(times, share)) for times in (first, total) for share in (0.5, 0.95)),
        _cost(sums),
    ]


def _name(group: Group, by_model: dict[Group, Sums]) -> str:
    """With its provider where two have a model of that name."""
    model = one_line(group.model)
    ambiguous = sum(other.model == group.model for other in by_model) > 1
    return f"{model} at {one_line(group.provider)}" if ambiguous else model


def _laid_out(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    heads = [head for head, _, _, _ in _COLUMNS]
    widths = [max(least, *(columns(row[i]) for row in (*rows, heads))) for i, (_, _, _, least) in enumerate(_COLUMNS)]
    excess = sum(widths) + sum(gap for _, _, gap, _ in _COLUMNS) - width
    widths[_MODEL] = max(_SHORTEST_MODEL, widths[_MODEL] - max(0, excess))
    above, place = "", 0
    for (_, title, gap, _), column in zip(_COLUMNS, widths, strict=True):
        above = above.ljust(place + gap) + title if title else above
        place += gap + column
    rule = "-" * place
    body = [_line(row, widths) for row in rows]
    return [above, _line(heads, widths), rule, *body[:-1], rule, body[-1]]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    parts = []
    for i, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        cell = _cut(cell, width)
        parts.append(" " * _COLUMNS[i][2] + (padded(cell, width) if i in _TEXT else cell.rjust(width)))
    return "".join(parts).rstrip()


def _cut(text: str, width: int) -> str:
    """width: columns of a screen."""
    return text if columns(text) <= width else text[: fitting(text, width - 1)] + "…"


def _threads(totals: Totals, numbers: dict[str, str]) -> Iterator[str]:
    yield "Tokens: cached ones are part of in, thought ones of out. Times in seconds."
    for thread, number in list(numbers.items())[:_MOST_THREADS]:
        when = totals.threads[thread]
        began = "" if when.begun is None else f", {_moment(when.begun)}"
        last = "" if when.begun is None or when.last in (None, when.begun) else f" to {_clock(when.last, when.begun)}"
        yield f"Thread {number}: {one_line(thread) or 'the client gave no name'}{began}{last}{' UTC' if began else ''}"
    if len(numbers) > _MOST_THREADS:
        more = len(numbers) - _MOST_THREADS
        yield f"and {count(more, 'thread')} more; codex-relay stats --json names them all"


def _endings(whole: Sums) -> Iterator[str]:
    for kinds, title in ((whole.endings, "Not completed"), (whole.errors, "Errors")):
        if kinds:
            yield f"{title}: {', '.join(f'{one_line(name)} {times:,}' for name, times in _most(kinds))}"


def _most(kinds: Counter[str]) -> list[tuple[str, int]]:
    return sorted(kinds.items(), key=lambda one: (-one[1], one[0]))


def _unsure(whole: Sums) -> Iterator[str]:
    if whole.turns > whole.told:
        yield f"No token counts: {count(whole.turns - whole.told, 'turn')}"
    if whole.estimated:
        yield f"~ estimated, because the provider sent no token counts: {count(whole.estimated, 'turn')}"
    if whole.overcounted:
        yield f"More said to be cached than came in, counted as all that came in: {count(whole.overcounted, 'turn')}"


def _prices(totals: Totals, by_model: dict[Group, Sums]) -> Iterator[str]:
    """Where the money comes from, and which price is unknown."""
    unknown = [(group, sums) for group, sums in by_model.items() if sums.hidden]
    if any(sums.known_cost is not None for sums in by_model.values()):
        own = "your own first, then " if totals.entries else ""
        yield f"Cost: {own}list prices of {CHECKED}; what you pay may differ."
    for group, sums in unknown:
        where = f" at {one_line(group.provider)}" if group.provider else ""
        what = f"{one_line(group.model)}{where} ({count(sums.hidden, 'turn')})"
        yield f"No price is known of {what}; codex-relay stats --prices FILE.toml can name it."


def _cost(sums: Sums) -> str:
    """`$0.0121`; with a + where some turns' price is unknown."""
    if sums.known_cost is None:
        return "no price" if sums.hidden else "-"
    return money(sums.known_cost) + ("+" if sums.hidden else "")


def money(usd: float) -> str:
    if 0 < usd < 0.0001:
        return "<$0.0001"
    return f"${usd:,.4f}" if usd < 1 else f"${usd:,.2f}"


def short(number: int) -> str:
    """`98,765`, `412k`, `1.3M`, `125M`."""
    if number < 100_000:
        return f"{number:,}"
    if number < 999_500:
        return f"{number / 1e3:.0f}k"
    return f"{number / 1e6:.1f}M" if number < 99_950_000 else f"{number / 1e6:,.0f}M"


def _seconds(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def _moment(at: float) -> str:
    return utc(at).strftime("%Y-%m-%d %H:%M:%S")


def _clock(at: float, begun: float) -> str:
    moment, day = _moment(at), _moment(begun).split(" ")[0]
    return moment.removeprefix(f"{day} ")
