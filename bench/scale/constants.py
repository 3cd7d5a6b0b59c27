"""Every number that the model does not compute, with its unit and its source.

The kinds: DOCUMENTED by AWS; CODE, which is Rolecall's own; MEASURED, with the command that measures it; ASSUMED, which
nobody documents or which depends on you. Prices and quotas are those of us-east-1, read on 2026-11-26 in stored copies of
AWS's pages, without free tiers and discounts. test_scale.py compares most of the CODE with the code.
"""

DOCUMENTED, CODE, MEASURED, ASSUMED = "documented", "code", "measured", "assumed"


class Constant(float):
    """A number that knows its unit, its kind and its source."""

    def __new__(cls, value, unit, kind, source):
        constant = super().__new__(cls, value)
        constant.unit, constant.kind, constant.source = unit, kind, source
        return constant


def documented(value, unit, source):
    return Constant(value, unit, DOCUMENTED, source)


def code(value, unit, source):
    return Constant(value, unit, CODE, source)


def measured(value, unit, source):
    return Constant(value, unit, MEASURED, source)


def assumed(value, unit, source):
    return Constant(value, unit, ASSUMED, source)


# Quotas of STS and IAM
IAM_QUOTAS = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"
STS_RATE = documented(600, "STS calls/s of an account in a Region, all callers together", IAM_QUOTAS)
IAM_RATE = assumed(
    20,
    "IAM calls/s of an account, all callers together",
    "AWS documents no rate: IAM fills token buckets, and AWS does not raise their rates"
    " (https://repost.aws/knowledge-center/iam-sts-throttling-error). It is the rate that `make bench-sweep` imitates;"
    " each run measures the real one",
)
IAM_BURST = assumed(20, "IAM calls of an account at once", "as the rate")
LIST_USERS_PAGE = documented(
    1000, "users/call", "https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListUsers.html"
)
DETAILS_PAGE = documented(
    1000, "users/call", "https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html"
)
ORGANIZATIONS_PAGE = documented(
    20, "accounts/call", "https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListAccounts.html"
)

# Quotas of Lambda, Step Functions and S3
LAMBDA_QUOTAS = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"
LAMBDA_TIMEOUT = documented(900, "s", LAMBDA_QUOTAS)
LAMBDA_ANSWER = documented(6 * 1024 * 1024, "bytes of a synchronous response", LAMBDA_QUOTAS)
LAMBDA_CONCURRENCY = documented(1000, "concurrent executions in a Region; new accounts have fewer", LAMBDA_QUOTAS)
LAMBDA_MAX_MEMORY = documented(10_240, "MB", LAMBDA_QUOTAS)
LAMBDA_TMP = documented(512, "MB of /tmp, without EphemeralStorage", LAMBDA_QUOTAS)
LAMBDA_MAX_TMP = documented(10_240, "MB of /tmp, the most that EphemeralStorage gives", LAMBDA_QUOTAS)
MEMORY_OF_A_CPU = documented(
    1769, "MB that come with one vCPU", "https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"
)
LAMBDA_NETWORK = assumed(
    75_000_000, "bytes/s of one invocation", "AWS documents none; public measurements have 50 to 90 MB/s"
)
S3_PERFORMANCE = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html"
S3_MAX_PARTS = documented(10_000, "parts of an object", "https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html")
S3_PUT_RATE = documented(3500, "PUT/s for a partitioned prefix, at least", S3_PERFORMANCE)

# Prices in USD
LAMBDA_PRICES = "https://aws.amazon.com/lambda/pricing/"
GB_SECOND_PRICE = documented(0.0000133334, "USD/GB-s, arm64", LAMBDA_PRICES)
INVOCATION_PRICE = documented(0.20 / 1e6, "USD/request", LAMBDA_PRICES)
TMP_PRICE = documented(0.0000000309, "USD/GB-s of /tmp above 512 MB", LAMBDA_PRICES)
TRANSITION_PRICE = documented(
    0.000025, "USD/state transition of a Standard workflow", "https://aws.amazon.com/step-functions/pricing/"
)
S3_PRICES = "https://aws.amazon.com/s3/pricing/"
S3_PUT_PRICE = documented(0.005 / 1000, "USD/PUT or LIST", S3_PRICES)
S3_GET_PRICE = documented(0.0004 / 1000, "USD/GET", S3_PRICES)
S3_STORAGE_PRICE = documented(0.023, "USD/GB and month, S3 Standard", S3_PRICES)
KMS_PRICE = documented(
    0.03 / 10_000,
    "USD/request, if the bucket has a KMS key and no S3 Bucket Key",
    "https://aws.amazon.com/kms/pricing/",
)
LOG_PRICE = documented(0.50, "USD/GB of CloudWatch Logs", "https://aws.amazon.com/cloudwatch/pricing/")
METRIC_PRICE = documented(0.30, "USD/custom metric and month", "https://aws.amazon.com/cloudwatch/pricing/")
MACHINE_PRICE = documented(0.0168, "USD/hour, t4g.small with Linux", "https://aws.amazon.com/ec2/pricing/on-demand/")
TRAIL_PRICE = documented(
    2.00 / 100_000,
    "USD/management event of a second trail; the first is free",
    "https://aws.amazon.com/cloudtrail/pricing/",
)
GUARDDUTY_PRICE = documented(
    4.00 / 1e6,
    "USD/management event, for the first 500 million a month in an account",
    "https://aws.amazon.com/guardduty/pricing/",
)
MONTH = assumed(30, "runs/month", "one run each night")

# Rolecall's settings and constants
CONCURRENCY = code(64, "accounts at a time in one process: `--concurrency`", "crates/core/src/options/settings.rs")
ACCOUNT_CONCURRENCY = code(8, "calls at a time in one account: `--account-concurrency`", "crates/core/src/options/settings.rs")
ACCOUNT_TIMEOUT = code(600, "s for one account: `--account-timeout`", "crates/core/src/options/settings.rs")
USERS_PER_CONNECTION = code(4, "users for each further call at a time", "crates/core/src/collect/read_account.rs")
MEMORY = code(512, "MB of the function", "infra/hub.yaml")
RETENTION = code(400, "days that the bucket keeps a run: `RetentionDays`", "infra/hub.yaml")
DEADLINE_MARGIN = code(2, "s before the function's timeout at which it stops reading", "docs/install.md")
MAX_CONCURRENCY = code(40, "child executions at a time: `MaxConcurrency`", "infra/sweep.asl.json")
BATCH = code(25, "accounts in a child execution: `batch` of the input", "infra/sweep.asl.json")
MAX_INVOCATIONS = code(20, "invocations for a batch", "infra/sweep.asl.json")
PARENT_TRANSITIONS = code(4, "state transitions of the parent execution", "infra/sweep.asl.json")
CHILD_STARTS = documented(
    1,
    "state transition for the start of each child execution",
    "https://docs.aws.amazon.com/step-functions/latest/dg/concepts-transitions.html",
)
CHILD_TRANSITIONS = code(3, "state transitions of a child with one invocation", "infra/sweep.asl.json")
AGAIN_TRANSITIONS = code(3, "state transitions of each further invocation", "infra/sweep.asl.json")
OBJECTS_AT_A_TIME = code(16, "objects that are read or written at a time", "crates/delivery/src/collect.rs")
PLAN_OBJECTS = code(3, "objects of the plan: claim, list of batches, plan", "crates/delivery/src/plan.rs")
MERGE_OBJECTS = assumed(20, "objects of the merge: roll, reports, evidence, latest.json", "the files of a run")
TMP_ROLLS = code(2, "rolls in /tmp: this one and the last one", "crates/delivery/src/merge")
PART = code(8 * 1024**2, "bytes of a part of an object", "crates/delivery/src/store/stream.rs")
LIST_PAGE = documented(
    1000, "keys/LIST", "https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html"
)
METRICS = assumed(13, "custom metrics, without dimensions", "the metrics of the namespace Rolecall")
LOG_BYTES = assumed(500, "bytes of log for each account", "a line of JSON for each account at the level info")

# The speed of AWS and of Rolecall
CALL_SECONDS = assumed(0.05, "s for a call of IAM, STS or AWS Organizations", "in us-east-1; from other Regions more")
S3_SECONDS = assumed(0.03, "s for a small request to S3", "in the bucket's Region")
START_SECONDS = assumed(0.3, "s for a cold start", "`make bench-cold` measures the process without Lambda")
CPU_OF_A_CALL = measured(
    0.000135,
    "s of CPU time for a call, at most",
    "docs/performance.md: 10,400 calls in 1.4 s in one thread, `make bench-sweep`",
)
SMALL_BUILD = measured(1.25, "times the CPU time in the function, which is built small", "prototype of November 2026")
LIMITER_EFFICIENCY = measured(
    0.95,
    "of an account's rate that the rate limiter uses",
    "crates/core/src/rate_limiter: 5,000 calls at 20 a second in 262 s",
)
REPORT_CALLS = measured(
    2,
    "calls of GetCredentialReport, and one of GenerateCredentialReport, if IAM has no report yet",
    "`rolecall emulator`; a report that takes longer needs more",
)
REPORT_SECONDS = assumed(3.5, "s until IAM has generated a credential report", "the first three pauses of Rolecall")
UNITS = assumed(100, "organizational units", "two calls each, at least")

# The accounts: those of `rolecall emulator --generate accounts=20,users=200,seed=7`
GENERATED = "`rolecall emulator --generate accounts=20,users=200,seed=7`"
WITH_KEYS = measured(0.60, "of the users have access keys", GENERATED)
KEYS = measured(0.77, "access keys/user", GENERATED)
KEYLESS_WITH_PASSWORD = measured(0.46, "of the users without access keys have a password", GENERATED)
KEYLESS_WITH_MFA = measured(0.33, "of the users without access keys have an MFA device", GENERATED)
ROLL_BYTES = {
    "default": measured(296, "bytes/user of the roll file, default facts", GENERATED),
    "recommended": measured(1074, "bytes/user of the roll file, recommended facts", GENERATED),
    "all": measured(1074, "bytes/user of the roll file, all facts", GENERATED),
}
ANSWER_BYTES = {
    "default": measured(463, "bytes/user of the `json` document, default facts", GENERATED),
    "recommended": measured(2113, "bytes/user of the `json` document, recommended facts", GENERATED),
    "all": measured(2113, "bytes/user of the `json` document, all facts", GENERATED),
}
FINDINGS = {
    "default": measured(0.70, "findings/user, default facts", GENERATED),
    "recommended": measured(2.39, "findings/user, recommended facts", GENERATED),
    "all": measured(2.39, "findings/user, all facts", GENERATED),
}

# The reports that the merge writes: roll.jsonl, report.json, report.html, findings.csv, findings.ocsf.json.gz
BENCH_REPORT = "bench/report/README.md: 200,000 users, 876,000 findings"
CPU_OF_A_USER = measured(1.37 / 200_000, "s of CPU time/user to read and check the roll", BENCH_REPORT)
CPU_OF_A_FINDING = measured(
    (9.23 + 14.94 + 17.07 + 8.79) / 876_000, "s of CPU time/finding for csv, ocsf, json and html", BENCH_REPORT
)
OCSF_RATIO = measured(0.04, "size of ocsf compressed with gzip, of its size", "`make sweep`")
BYTES_OF_A_FINDING = measured(
    (896 + 2457 * OCSF_RATIO + 2415 + 439) * 1e6 / 876_000,
    "bytes/finding of csv, compressed ocsf, json and html",
    BENCH_REPORT,
)
BYTES_IN_THE_LARGEST_FILE = measured(2415e6 / 876_000, "bytes/finding of json, the largest file", BENCH_REPORT)
REPORT_MEMORY = measured(51, "MB of memory for csv, ocsf and json, however many findings", BENCH_REPORT)
HTML_MEMORY = measured(365e6 / 876_000, "bytes of memory/finding for html, the most of all formats", BENCH_REPORT)


def constants():
    """All constants by name; those of a fact set by name and set."""
    found = {}
    for name, value in globals().items():
        if isinstance(value, Constant):
            found[name] = value
        elif isinstance(value, dict) and name.isupper():
            found |= {f"{name}[{key}]": it for key, it in value.items() if isinstance(it, Constant)}
    return found
