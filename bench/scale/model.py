#!/usr/bin/env python3
"""Calls, time and cost of a run, for a number of accounts and users, before you run it.

    python3 bench/scale/model.py --accounts 500 --users 40 --collect recommended    # your organization
    python3 bench/scale/model.py --write docs/scale.md                              # the tables of that page

The functions below compute; constants.py has every number that they start from, with its source, and tables.py prints.
"""

import argparse
from dataclasses import dataclass, replace
from math import ceil

import constants as c

FACT_SETS = ["default", "recommended", "all"]
USER_SOURCES = ["live", "credential-report"]


@dataclass(frozen=True)
class Workload:
    """What is read, and how fast AWS answers."""

    accounts: int = 10_000
    users: int = 200
    facts: str = "recommended"
    source: str = "live"
    with_keys: float = c.WITH_KEYS
    keys: float = c.KEYS
    keyless_with_password: float = c.KEYLESS_WITH_PASSWORD
    keyless_with_mfa: float = c.KEYLESS_WITH_MFA
    iam_rate: float = c.IAM_RATE
    call_seconds: float = c.CALL_SECONDS

    @property
    def all_users(self):
        return self.accounts * self.users

    @property
    def findings(self):
        return self.all_users * c.FINDINGS[self.facts]


@dataclass(frozen=True)
class Limit:
    """Something that AWS or a setting limits, how much of it is needed, and the setting that moves it."""

    name: str
    used: float
    allowed: float
    setting: str

    @property
    def share(self):
        return self.used / self.allowed


# Calls


def calls_of_account(work):
    """The calls for one account, by operation, without retries: crates/core/src/collect."""
    keyless = 1 - work.with_keys
    reads_report = work.source == "credential-report"
    users_read = lambda needed: work.users * (work.with_keys + keyless * needed if reads_report else 1)
    calls = {
        "AssumeRole": 1,
        "ListUsers": max(1, ceil(work.users / c.LIST_USERS_PAGE)),
        "ListAccessKeys": users_read(0),
    }
    if work.facts != "default":
        calls |= {
            "GetAccessKeyLastUsed": work.users * work.keys,
            "GetAccountSummary": 1,
            "GetLoginProfile": users_read(work.keyless_with_password),
            "ListMFADevices": users_read(work.keyless_with_mfa),
            "GetAccountAuthorizationDetails": max(1, ceil(work.users / c.DETAILS_PAGE)),
        }
    if work.facts != "default" or reads_report:
        calls |= {"GenerateCredentialReport": 1, "GetCredentialReport": c.REPORT_CALLS}
    if work.facts == "all":
        calls["ListAccountAliases"] = 1
    return calls


def iam_calls(work):
    """The calls that the member account answers."""
    return sum(calls_of_account(work).values()) - 1


def organization_calls(accounts):
    """The calls that list the accounts and organizational units, one after the other."""
    pages = ceil(accounts / c.ORGANIZATIONS_PAGE)
    units = min(c.UNITS, accounts)
    # Of each unit the units in it, and its accounts page by page.
    return 2 + pages + units + max(units, pages)


# Time


def account_seconds(work):
    """The time for one account: by the time of the calls, or by the rate that IAM allows."""
    calls = calls_of_account(work)
    for_each_user = {"ListAccessKeys", "GetAccessKeyLastUsed", "GetLoginProfile", "ListMFADevices"}
    of_users = sum(number for operation, number in calls.items() if operation in for_each_user)
    one_by_one = calls["AssumeRole"] + calls["ListUsers"] + calls.get("GetAccountSummary", 0)
    at_a_time = min(c.ACCOUNT_CONCURRENCY, max(2, ceil(work.users / c.USERS_PER_CONNECTION)))
    by_calls = (one_by_one + of_users / at_a_time) * work.call_seconds
    by_rate = max(0, iam_calls(work) - c.IAM_BURST) / (work.iam_rate * c.LIMITER_EFFICIENCY)
    waits = c.REPORT_SECONDS if work.source == "credential-report" else 0
    return waits + max(by_calls, by_rate)


def scan_times(work, accounts, sts_rate, cpus, cpu_of_a_call):
    """The times that a process needs to read accounts, by what decides them. The longest one counts."""
    calls = sum(calls_of_account(work).values()) * accounts
    return {
        "IAM's rate for each account": ceil(accounts / c.CONCURRENCY) * account_seconds(work),
        "STS's rate": accounts / sts_rate,
        "CPU": calls * cpu_of_a_call / cpus,
    }


def cpus_of(memory):
    """The vCPUs of a function. A scan has one thread."""
    return memory / c.MEMORY_OF_A_CPU


USABLE_SECONDS = c.LAMBDA_TIMEOUT - c.DEADLINE_MARGIN - c.START_SECONDS


@dataclass(frozen=True)
class Merge:
    """The merge of all accounts into the roll and its reports. Memory and /tmp in MB, the rest in bytes."""

    seconds: float
    by: str
    memory: float
    tmp: float
    largest: float
    output: float

    @property
    def limits(self):
        """What no setting of the function raises."""
        return [
            Limit("/tmp of the merge, at most 10 GB", self.tmp, c.LAMBDA_MAX_TMP, "merge on a machine"),
            Limit("15 minutes of the merge", self.seconds, USABLE_SECONDS, "`MemorySize`"),
            Limit("memory of the merge, at most 10 GB", self.memory, c.LAMBDA_MAX_MEMORY, "merge on a machine"),
            Limit("10,000 parts of report.json", self.largest, c.S3_MAX_PARTS * c.PART, "fewer facts"),
        ]

    @property
    def fits(self):
        return all(limit.share <= 1 for limit in self.limits)


def merge(work, memory):
    """The reports take the time of `rolecall report`, and are stored while they are made. Each byte goes over the network."""
    roll = work.all_users * c.ROLL_BYTES[work.facts]
    output = roll + work.findings * c.BYTES_OF_A_FINDING
    cpu = work.all_users * c.CPU_OF_A_USER + work.findings * c.CPU_OF_A_FINDING
    times = {
        "CPU": cpu * c.SMALL_BUILD / cpus_of(memory),
        # In: all records and the last roll. Out: everything.
        "network": (2 * roll + output) / c.LAMBDA_NETWORK,
        "requests to S3": work.accounts / c.OBJECTS_AT_A_TIME * c.S3_SECONDS,
    }
    by = max(times, key=times.get)
    return Merge(
        seconds=times[by],
        by=by,
        memory=c.REPORT_MEMORY + work.findings * c.HTML_MEMORY / 1e6,
        tmp=c.TMP_ROLLS * roll / 1e6,
        largest=work.findings * c.BYTES_IN_THE_LARGEST_FILE,
        output=output,
    )


# Three ways to run


@dataclass(frozen=True)
class Run:
    """The result for one way to run."""

    seconds: float
    by: str
    limits: list[Limit]
    cost: dict[str, float]

    @property
    def tightest(self):
        return max(self.limits, key=lambda limit: limit.share)

    @property
    def usd(self):
        return sum(self.cost.values())


def on_a_machine(work):
    """`rolecall scan` on one machine with two vCPUs."""
    times = scan_times(work, work.accounts, c.STS_RATE, 1, c.CPU_OF_A_CALL)
    by = max(times, key=times.get)
    seconds = organization_calls(work.accounts) * work.call_seconds + times[by]
    limits = [
        Limit("`--account-timeout`", account_seconds(work), c.ACCOUNT_TIMEOUT, "`--account-timeout`"),
        Limit("STS's rate", times["STS's rate"], times[by], "`--sts-rate`; a quota of the hub account"),
        Limit("one thread", times["CPU"], times[by], "`--concurrency`"),
    ]
    return Run(seconds, by, limits, {"EC2": seconds / 3600 * c.MACHINE_PRICE})


def in_one_invocation(work, memory=c.MEMORY, with_store=True):
    """The function without a state machine: with ROLECALL_STORE the roll goes to S3, otherwise it is the response."""
    cpus = min(1, cpus_of(memory))
    times = scan_times(work, work.accounts, c.STS_RATE, cpus, c.CPU_OF_A_CALL * c.SMALL_BUILD)
    by = max(times, key=times.get)
    merged = merge(work, memory)
    seconds = organization_calls(work.accounts) * work.call_seconds + times[by] + (merged.seconds if with_store else 0)
    limits = [
        Limit("15 minutes for all accounts", seconds, USABLE_SECONDS, "the state machine"),
        Limit("`--account-timeout`", account_seconds(work), c.ACCOUNT_TIMEOUT, "that option, the state machine"),
    ]
    if with_store:
        limits += merged.limits
        limits.append(Limit("`MemorySize`", merged.memory, memory, "`MemorySize`"))
    else:
        answer = work.all_users * c.ANSWER_BYTES[work.facts]
        limits.append(Limit("6 MB of the response", answer, c.LAMBDA_ANSWER, "`ROLECALL_STORE`"))
    cost = {"Lambda": memory / 1024 * min(seconds, c.LAMBDA_TIMEOUT) * c.GB_SECOND_PRICE + c.INVOCATION_PRICE}
    return Run(seconds, by, limits, cost)


def in_one_response(work):
    """The function without ROLECALL_STORE: the roll is its response."""
    return in_one_invocation(work, with_store=False)


def accounts_that_fit(work, run):
    """The largest number of accounts that fit in this way to run, and the limit that keeps it from more."""
    tightest = lambda accounts: run(replace(work, accounts=accounts)).tightest
    low, high = 0, 1_000_000
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if tightest(middle).share <= 1 else (low, middle - 1)
    return low, tightest(low + 1)


@dataclass(frozen=True)
class Sweep(Run):
    """The run of the state machine."""

    memory: float
    merge: Merge
    collected: float
    children: int
    child_seconds: float
    invocations: int
    transitions: int
    puts: int
    gets: int
    gb_seconds: float


def memory_for(work):
    """The least memory, in steps, with which the merge fits; all actions have it. If it fits with none, the default."""
    for memory in [c.MEMORY, 1024, 1769, 3008, 5308, 7076, c.LAMBDA_MAX_MEMORY]:
        merged = merge(work, memory)
        if merged.memory <= memory and merged.fits:
            return memory
    return c.MEMORY


def in_the_state_machine(work, max_concurrency=c.MAX_CONCURRENCY, batch=c.BATCH, memory=None):
    """Plan, a child execution for each batch, merge."""
    memory = memory or memory_for(work)
    max_concurrency, batch = int(max_concurrency), int(batch)
    children = ceil(work.accounts / batch)
    accounts, cpus = min(batch, work.accounts), min(1, cpus_of(memory))
    times = scan_times(work, accounts, c.STS_RATE / max_concurrency, cpus, c.CPU_OF_A_CALL * c.SMALL_BUILD)
    by = max(times, key=times.get)
    # What an invocation did not finish, of an account too, the next one continues.
    invocations_of_child = max(1, ceil(times[by] / USABLE_SECONDS), ceil(account_seconds(work) / c.ACCOUNT_TIMEOUT))
    listed = accounts / c.OBJECTS_AT_A_TIME
    # The batch is read, then what earlier invocations stored of each account; records and statistics are written.
    child = times[by] + invocations_of_child * (c.START_SECONDS + (3 + listed) * c.S3_SECONDS)
    plan = organization_calls(work.accounts) * work.call_seconds + (children + c.PLAN_OBJECTS) * c.S3_SECONDS
    merged = merge(work, memory)
    tmp = min(max(c.LAMBDA_TMP, merged.tmp), c.LAMBDA_MAX_TMP)
    collected = plan + ceil(children / max_concurrency) * child
    merge_seconds = merged.seconds if merged.fits else 0
    invocations = 2 + children * invocations_of_child
    transitions = (
        c.PARENT_TRANSITIONS
        + children * (c.CHILD_STARTS + c.CHILD_TRANSITIONS + (invocations_of_child - 1) * c.AGAIN_TRANSITIONS)
    )
    # PUT: each batch, record and invocation's statistics, then the reports, in parts. LIST: of each account in each
    # invocation, then of the whole run.
    written = work.accounts * invocations_of_child
    puts = c.PLAN_OBJECTS + children + written + invocations + c.MERGE_OBJECTS
    puts += written + (written + invocations) / c.LIST_PAGE
    # GET: the list of batches by the map, the batch by each invocation, then all records and statistics.
    gets = 1 + invocations + written + invocations
    function_seconds = plan + children * child + merge_seconds + 2 * c.START_SECONDS
    gb_seconds = memory / 1024 * function_seconds
    at_a_time = min(max_concurrency, children)
    sessions_a_second = at_a_time * min(accounts, c.CONCURRENCY) / account_seconds(work)
    limits = [
        Limit("20 invocations of a batch", invocations_of_child, c.MAX_INVOCATIONS, "`batch`, `--user-source`"),
        *merged.limits,
        Limit("STS's rate", sessions_a_second, c.STS_RATE, "`MaxConcurrency`"),
        Limit("concurrent executions of Lambda", at_a_time, c.LAMBDA_CONCURRENCY, "`MaxConcurrency`"),
        Limit("PUT requests of a prefix", work.accounts / (collected - plan), c.S3_PUT_RATE, "`MaxConcurrency`"),
    ]
    cost = {
        "Lambda": gb_seconds * c.GB_SECOND_PRICE
        + invocations * c.INVOCATION_PRICE
        + function_seconds * (tmp - c.LAMBDA_TMP) / 1024 * c.TMP_PRICE,
        "Step Functions": transitions * c.TRANSITION_PRICE,
        "S3 requests": puts * c.S3_PUT_PRICE + gets * c.S3_GET_PRICE,
        "KMS": (puts + gets) * c.KMS_PRICE,
        "CloudWatch Logs": work.accounts * c.LOG_BYTES / 1e9 * c.LOG_PRICE,
    }
    return Sweep(
        seconds=collected + merge_seconds,
        by=by,
        limits=limits,
        cost=cost,
        memory=memory,
        merge=merged,
        collected=collected,
        children=children,
        child_seconds=child,
        invocations=invocations,
        transitions=round(transitions),
        puts=round(puts),
        gets=round(gets),
        gb_seconds=gb_seconds,
    )


def cloudtrail_events(work):
    """AssumeRole is an event in the hub account and in the member account."""
    return work.accounts * (sum(calls_of_account(work).values()) + 1)


def main():
    import tables

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", metavar="PAGE", help="write the tables of this page anew")
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--users", type=int, default=200, help="users in each account")
    parser.add_argument("--collect", choices=FACT_SETS, default="recommended", help="fact set")
    parser.add_argument("--user-source", choices=USER_SOURCES, default="live")
    parser.add_argument("--iam-rate", type=float, default=float(c.IAM_RATE), help="IAM calls a second of an account")
    parser.add_argument("--call-ms", type=float, default=c.CALL_SECONDS * 1000, help="time of a call in milliseconds")
    parser.add_argument("--with-keys", type=float, default=float(c.WITH_KEYS), help="share of users with access keys")
    parser.add_argument("--keys", type=float, default=float(c.KEYS), help="access keys for each user")
    parser.add_argument("--max-concurrency", type=int, default=int(c.MAX_CONCURRENCY), help="MaxConcurrency of the map")
    parser.add_argument("--batch", type=int, default=int(c.BATCH), help="accounts in each child execution")
    parser.add_argument("--memory", type=int, help="MB of the function; default: the least with which the merge fits")
    given = parser.parse_args()
    for name, value in vars(given).items():
        if isinstance(value, (int, float)) and not value > 0:
            parser.error(f"--{name.replace('_', '-')} is {value}; it must be more than 0")
    if given.with_keys > 1:
        parser.error(f"--with-keys is {given.with_keys}; it is a share, from 0 to 1")
    if given.write:
        tables.write(given.write)
        return
    work = Workload(
        accounts=given.accounts,
        users=given.users,
        facts=given.collect,
        source=given.user_source,
        with_keys=given.with_keys,
        keys=given.keys,
        iam_rate=given.iam_rate,
        call_seconds=given.call_ms / 1000,
    )
    sweep = in_the_state_machine(work, given.max_concurrency, given.batch, given.memory)
    print(tables.of_workload(work, sweep))


if __name__ == "__main__":
    main()
