"""The tables of docs/scale.md, as Markdown. A table replaces what is between its two marks in the page."""

import re
from dataclasses import replace
from math import ceil
from pathlib import Path

import constants as c
import model
from model import FACT_SETS, USER_SOURCES, Workload

ORGANIZATION = Workload(accounts=10_000, users=200)
LARGE_ACCOUNT = Workload(accounts=1, users=5_000)
COMBINATIONS = [(facts, source) for facts in FACT_SETS for source in USER_SOURCES]
MARKS = re.compile(r"(<!-- model: (\w+) -->\n).*?(<!-- /model -->)", re.DOTALL)


def write(path):
    page = Path(path)
    page.write_text(filled(page.read_text()))


def filled(text):
    """A page with the tables of today."""
    return MARKS.sub(lambda match: f"{match[1]}\n{TABLES[match[2]]()}\n\n{match[3]}", text)


# Numbers and tables


def number(value):
    return f"{round(value):,}"


def time(seconds):
    if seconds < 100:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def usd(value):
    return f"{value:,.2f}"


def gigabytes(value):
    return f"{value / 1e9:,.1f} GB"


def percent(share):
    if share >= 10:
        return f"{share:,.0f} ×"
    return f"{share * 100:,.0f} %" if share >= 0.01 else "below 1 %"


def table(head, rows, left=1):
    """A table whose first columns are text and the others numbers."""
    lines = [head, ["---"] * left + ["--:"] * (len(head) - left), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def combined(work):
    return [replace(work, facts=facts, source=source) for facts, source in COMBINATIONS]


HEAD = [f"{facts}, {'live' if source == 'live' else 'report'}" for facts, source in COMBINATIONS]


# The tables


def calls(work):
    """Calls for each operation, a column for each fact set and source of the users."""
    columns = [model.calls_of_account(it) for it in combined(work)]
    operations = list(dict.fromkeys(operation for column in columns for operation in column))
    cells = lambda name: [number(column[name]) if name in column else "–" for column in columns]
    rows = [[f"`{name}`", *cells(name)] for name in operations]
    totals = [sum(column.values()) for column in columns]
    rows.append(["**one account**", *(number(total) for total in totals)])
    if work.accounts > 1:
        rows.append([f"**{number(work.accounts)} accounts**", *(number(total * work.accounts) for total in totals)])
    rows.append(["**time for one account**", *(time(model.account_seconds(it)) for it in combined(work))])
    return table(["calls", *HEAD], rows)


def merge_time(sweep):
    return time(sweep.merge.seconds) if sweep.merge.fits else "does not fit"


def ways():
    """10,000 accounts in three ways."""
    rows = []
    for work, name in zip(combined(ORGANIZATION), HEAD, strict=True):
        row = [name, time(model.on_a_machine(work).seconds)]
        for run in [model.in_one_response, model.in_one_invocation, model.in_the_state_machine]:
            fitting, limit = model.accounts_that_fit(work, run)
            row.append(f"{number(fitting)} ({limit.name})")
        sweep = model.in_the_state_machine(work)
        rows.append([*row, time(sweep.collected), merge_time(sweep)])
    head = ["facts, users from", "one machine: time", "one invocation, response: accounts that fit"]
    head += ["one invocation, `ROLECALL_STORE`: accounts that fit", "state machine: accounts that fit with their merge"]
    return table([*head, "state machine: time without merge", "merge"], rows)


def state_machine():
    """What a run of the state machine needs."""
    sweeps = [model.in_the_state_machine(work) for work in combined(ORGANIZATION)]
    rows = [
        ["child executions", *(number(it.children) for it in sweeps)],
        ["time of each", *(time(it.child_seconds) for it in sweeps)],
        ["time without merge", *(time(it.collected) for it in sweeps)],
        ["merge: time", *(merge_time(it) for it in sweeps)],
        ["merge: memory", *(f"{number(it.merge.memory)} MB" for it in sweeps)],
        ["merge: /tmp", *(f"{number(it.merge.tmp)} MB" for it in sweeps)],
        ["merge: largest file", *(gigabytes(it.merge.largest) for it in sweeps)],
        ["invocations", *(number(it.invocations) for it in sweeps)],
        ["Lambda GB-seconds", *(number(it.gb_seconds) for it in sweeps)],
        ["state transitions", *(number(it.transitions) for it in sweeps)],
        ["PUT and LIST requests", *(number(it.puts) for it in sweeps)],
        ["GET requests", *(number(it.gets) for it in sweeps)],
        ["bytes of the roll and its reports", *(gigabytes(it.merge.output) for it in sweeps)],
    ]
    return table(["", *HEAD], rows)


def cost():
    """USD of a run, by service."""
    works = combined(ORGANIZATION)
    sweeps = [model.in_the_state_machine(work) for work in works]
    rows = [[service, *(usd(it.cost[service]) for it in sweeps)] for service in sweeps[0].cost]
    rows.append(["**one run**", *(usd(it.usd) for it in sweeps)])
    rows.append(["**30 runs**", *(usd(it.usd * c.MONTH) for it in sweeps)])
    metrics = c.METRICS * c.METRIC_PRICE
    rows.append(["CloudWatch metrics, a month", *(usd(metrics) for _ in sweeps)])
    stored = [it.merge.output / 1e9 * c.S3_STORAGE_PRICE for it in sweeps]
    rows.append(["S3 storage of one run, a month", *(usd(it) for it in stored)])
    rows.append([f"S3 storage of {c.RETENTION:.0f} nightly runs, a month", *(usd(it * c.RETENTION) for it in stored)])
    rows.append(["for comparison: one machine, one run", *(usd(model.on_a_machine(it).usd) for it in works)])
    return table(["USD", *HEAD], rows)


def cloudtrail():
    """What the calls cost elsewhere."""
    events = [model.cloudtrail_events(work) for work in combined(ORGANIZATION)]
    rows = [
        ["management events of a run", *(number(it) for it in events)],
        ["USD: second trail, one run", *(usd(it * c.TRAIL_PRICE) for it in events)],
        ["USD: GuardDuty, one run", *(usd(it * c.GUARDDUTY_PRICE) for it in events)],
    ]
    return table(["", *HEAD], rows)


def large_account():
    """One account of 5,000 users in three ways."""
    rows = []
    for work, name in zip(combined(LARGE_ACCOUNT), HEAD, strict=True):
        seconds = model.account_seconds(work)
        answer = work.all_users * c.ANSWER_BYTES[work.facts]
        fits = "fits" if seconds <= min(c.ACCOUNT_TIMEOUT, model.USABLE_SECONDS) else "does not fit"
        rows.append([
            name,
            time(seconds),
            "not needed" if seconds <= c.ACCOUNT_TIMEOUT else f"`--account-timeout {ceil(seconds * 1.5 / 600) * 10}m`",
            f"{fits}; the response {'fits' if answer <= c.LAMBDA_ANSWER else 'does not'} ({answer / 1e6:.1f} MB)",
            number(model.in_the_state_machine(work).invocations - 2),
        ])
    head = ["facts, users from", "time", "one machine: setting", "one invocation", "state machine: invocations"]
    lines = table(head, rows).split("\n")
    lines[1] = "| --- | --: | --- | --- | --: |"
    return "\n".join(lines)


def limits():
    """The three tightest limits of each way."""
    rows = []
    for label, work in [
        ("10,000 accounts × 200 users", ORGANIZATION),
        ("one account × 5,000 users", LARGE_ACCOUNT),
    ]:
        for way, run in [
            ("one machine", model.on_a_machine(work)),
            ("one invocation, response", model.in_one_response(work)),
            ("one invocation, `ROLECALL_STORE`", model.in_one_invocation(work)),
            ("state machine", model.in_the_state_machine(work)),
        ]:
            tightest = sorted(run.limits, key=lambda limit: -limit.share)[:3]
            for index, limit in enumerate(tightest):
                first = [label, way] if index == 0 else ["", ""]
                rows.append([*first, limit.name, percent(limit.share), limit.setting])
    lines = table(["", "way", "limit", "used", "setting that moves it"], rows, left=3).split("\n")
    lines[1] = "| --- | --- | --- | --: | --- |"
    return "\n".join(lines)


def settings():
    """Time of the state machine by MaxConcurrency and batch."""
    batches = [10, 25, 50, 100]
    rows = []
    for max_concurrency in [10, 40, 100, 400]:
        sweeps = [model.in_the_state_machine(ORGANIZATION, max_concurrency, batch) for batch in batches]
        rows.append([str(max_concurrency), *(f"{time(it.collected)}, {usd(it.usd)} USD" for it in sweeps)])
    return table(["`MaxConcurrency`", *(f"batch {batch}" for batch in batches)], rows)


def rates():
    """Time by the rate that IAM allows an account."""
    rows = []
    for rate in [5, 10, 20, 50, 100]:
        work = replace(ORGANIZATION, iam_rate=rate)
        machine, sweep = model.on_a_machine(work), model.in_the_state_machine(work)
        large = replace(LARGE_ACCOUNT, iam_rate=rate)
        rows.append([
            str(rate),
            time(model.account_seconds(work)),
            time(machine.seconds),
            time(sweep.collected),
            time(model.account_seconds(large)),
        ])
    head = ["IAM calls/s of an account", "account of 200 users", "10,000 accounts, one machine"]
    return table([*head, "10,000 accounts, state machine without merge", "account of 5,000 users"], rows)


def sources():
    """Every constant with its source."""
    def value(it):
        return f"{it:,.0f}" if it == int(it) else f"{it:.12f}".rstrip("0") if it < 0.001 else f"{it:,.4g}"

    rows = [[f"`{name}`", value(it), it.unit, it.kind, it.source] for name, it in c.constants().items()]
    lines = table(["constant", "value", "unit", "kind", "source"], rows).split("\n")
    lines[1] = "| --- | --: | --- | --- | --- |"
    return "\n".join(lines)


def of_workload(work, sweep):
    """The calls, times and costs of one workload, for a terminal."""
    rows = [[name, number(calls * work.accounts)] for name, calls in model.calls_of_account(work).items()]
    parts = [table(["calls", "all accounts"], rows)]
    one, limit = model.accounts_that_fit(work, model.in_one_invocation)
    machine = model.on_a_machine(work)
    rows = [
        ["one machine", time(machine.seconds), usd(machine.usd), machine.by],
        ["one invocation", f"at most {number(one)} accounts", "", limit.name],
        ["state machine, without merge", time(sweep.collected), usd(sweep.usd), sweep.by],
        ["merge", merge_time(sweep), "", sweep.merge.by],
    ]
    parts.append(table(["way", "time", "USD", "decided by"], rows))
    tightest = sorted(sweep.limits, key=lambda limit: -limit.share)
    rows = [[limit.name, percent(limit.share), limit.setting] for limit in tightest]
    parts.append(table(["limit of the state machine", "used", "setting"], rows))
    rows = [
        ["child executions", number(sweep.children)],
        ["time of each", time(sweep.child_seconds)],
        ["memory of the function", f"{number(sweep.memory)} MB"],
        ["memory of the merge", f"{number(sweep.merge.memory)} MB"],
        ["/tmp of the merge", f"{number(sweep.merge.tmp)} MB"],
        ["Lambda GB-seconds", number(sweep.gb_seconds)],
        ["state transitions", number(sweep.transitions)],
        ["PUT and LIST requests", number(sweep.puts)],
        ["GET requests", number(sweep.gets)],
        ["bytes of the roll and its reports", gigabytes(sweep.merge.output)],
        ["events of CloudTrail", number(model.cloudtrail_events(work))],
        *([f"USD: {service}", usd(it)] for service, it in sweep.cost.items()),
    ]
    parts.append(table(["state machine", ""], rows))
    return "\n\n".join(parts)


TABLES = {
    "calls": lambda: calls(ORGANIZATION),
    "calls_of_a_large_account": lambda: calls(LARGE_ACCOUNT),
    "ways": ways,
    "state_machine": state_machine,
    "cost": cost,
    "cloudtrail": cloudtrail,
    "large_account": large_account,
    "limits": limits,
    "settings": settings,
    "rates": rates,
    "sources": sources,
}
