// Made-up roll files.

export const AS_OF = "2026-11-25T12:00:00Z";
const DAY = 24 * 60 * 60 * 1000;
const daysAgo = (days) => new Date(Date.parse(AS_OF) - days * DAY).toISOString();
const live = (value) => ({ value, source: "live" });

// An access key id with this beginning, of 20 characters as in AWS.
export const accessKeyId = (text) => text.padEnd(20, "X");

export const key = (id, { age = 400, used = null, status = "Active" } = {}) => ({
  access_key_id: accessKeyId(id),
  status,
  create_date: daysAgo(age),
  last_used: live(used === null ? null : { date: daysAgo(used), service: "s3", region: "eu-central-1" }),
});

export const user = (name, keys, { tags = {}, administrator = null, password = false } = {}) => ({
  user_name: name,
  user_id: `AIDA${Buffer.from(name).toString("hex").slice(0, 60).toUpperCase()}`,
  arn: `arn:aws:iam::111111111111:user/${name}`,
  path: "/",
  create_date: daysAgo(900),
  password_last_used: null,
  access_keys: keys,
  console_password: live(password ? { create_date: daysAgo(500), password_reset_required: false } : null),
  mfa_devices: live([]),
  policies: live({
    groups: [], attached_policies: [], inline_policies: [], permissions_boundary: null, is_administrator: administrator, tags,
  }),
});

export const account = (id, name, users, { unit = "Workloads/Prod", gaps = [] } = {}) => ({
  record: "account",
  account_id: id,
  role_arn: `arn:aws:iam::${id}:role/IAMListRole`,
  account: { name, email: `${id}@example.com`, organizational_unit: unit, tags: null },
  outcome: users === null ? "Failed" : gaps.length > 0 ? "Partial" : "Complete",
  skipped: null,
  gaps,
  notes: [],
  facts: { summary: live({ users: users?.length ?? 0, root_has_access_keys: false, root_has_mfa: true }) },
  users,
});

export const gap = (message) => ({
  stage: "session", operation: "AssumeRole", user_name: null, error_kind: "denied", code: "AccessDenied", message,
  request_id: "8a6f0c1e-52d1-4b7e-9f0e-6a2b3c4d5e6f", remedy: { code: "check_both_sides", action: "sts:AssumeRole" },
});

export const roll = (accounts) => {
  const header = {
    record: "header", schema_version: 3, rolecall_version: "0.1.0", run_id: "51bf16d0-0463-4ed1-b214-f9edd8b7c65c",
    as_of: AS_OF, caller: { account_id: "222222222222", arn: "arn:aws:sts::222222222222:assumed-role/LambdaRole/x" },
    organization: null, collect: { facts: ["users", "access_keys", "last_used", "control_total", "console_password", "mfa_devices", "policies"], user_source: "live" },
    targets: accounts.map(({ account_id, role_arn }) => ({ account_id, role_arn })),
  };
  return [header, ...accounts].map((record) => `${JSON.stringify(record)}\n`).join("");
};

// Hostile names, and names written from right to left.
export const HOSTILE = [
  `"><img src=x onerror="window.pwned=1">`,
  `</script><script>window.pwned=1</script>`,
  `<!--<script>`,
  `{{7*7}}\${7*7}<%= 7 %>`,
  `javascript:window.pwned=1`,
  `'; DROP TABLE users; --`,
  `\u202Egnp.exe\u202C`,
  `مستخدم-النظام`,
  `a\u001b[31mred\u0007`,
  `line\nbreak\u2028and\u2029more`,
  `&lt;b&gt;&amp;`,
  "n".repeat(128),
];

// 100 accounts with 100 users each, with two keys each, of all ages.
export const large = () => {
  const accounts = [];
  for (let a = 0; a < 100; a += 1) {
    const users = [];
    for (let u = 0; u < 100; u += 1) {
      const n = a * 100 + u;
      const pair = [0, 1].map((k) => key(`AKIA${String(n * 2 + k).padStart(16, "0")}`, {
        age: (n * 7 + k * 131) % 1500,
        used: n % 3 === 0 ? null : (n * 11) % 700,
      }));
      users.push(user(`user-${String(n).padStart(5, "0")}`, pair, { tags: { Owner: `team-${n % 40}` }, administrator: n % 500 === 0 ? true : null }));
    }
    accounts.push(account(String(100000000000 + a), `account-${a}`, users, { unit: `Unit/${a % 7}` }));
  }
  return accounts;
};
