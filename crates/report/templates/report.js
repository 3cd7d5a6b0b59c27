"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const PAGE = 100, PRINTED = 2000;
  const SEVERITIES = data.severities;
  const byId = (id) => document.getElementById(id);
  const number = new Intl.NumberFormat("en-US");

  // In the order in which the program that wrote them has them.
  const rules = data.rules.map(([id, title, why, clauses]) => ({ id, title, why, clauses }));
  const users = data.users.map(([account, accountName, unit, owner, name, arn, advice, reason]) =>
    ({ account, accountName: accountName || account, accountLabel: accountName ? `${account} ${accountName}` : account,
      unit, owner, name: name || "root user", arn, advice, reason }));
  const findings = data.findings.map(([score, severity, rule, user, key, message, evidence, lines, remedy, exception]) => ({
    score, severity: SEVERITIES[severity], rule: rules[rule], user: users[user], key, message, evidence, lines, remedy,
    exception: exception ?? "",
  }));
  const isSuppressed = (finding) => finding.exception.startsWith("suppressed");

  // What a finding is searched by, once.
  const haystacks = findings.map(({ user, rule, key, message }) => [
    user.account, user.accountName, user.unit, user.owner, user.name, user.arn, user.advice, key, message, rule.id, rule.title,
  ].join("\n").toLowerCase());

  const element = (name, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children.filter((child) => child !== null));
    return made;
  };
  // Names are other people's: isolated, so that they turn no text around them.
  const bdi = (words) => element("bdi", {}, words);

  const filters = {
    account: { of: ({ user }) => user.account, label: ({ user }) => user.accountLabel },
    unit: { of: ({ user }) => user.unit, label: ({ user }) => user.unit },
    owner: { of: ({ user }) => user.owner, label: ({ user }) => user.owner },
    severity: { of: ({ severity }) => severity, label: ({ severity }) => severity, order: SEVERITIES },
    advice: { of: ({ user }) => user.advice, label: ({ user }) => user.advice },
    rule: { of: ({ rule }) => rule.id, label: ({ rule }) => rule.title },
  };
  const NONE = "\u0000none";

  for (const [id, filter] of Object.entries(filters)) {
    const counts = new Map();
    for (const finding of findings) {
      const value = filter.of(finding);
      const known = counts.get(value);
      if (known) known.number += 1;
      else counts.set(value, { label: filter.label(finding), number: 1 });
    }
    const values = [...counts.keys()];
    if (filter.order) values.sort((a, b) => filter.order.indexOf(a) - filter.order.indexOf(b));
    else values.sort((a, b) => counts.get(a).label.localeCompare(counts.get(b).label));
    const select = byId(id);
    for (const value of values) {
      const { label, number: of } = counts.get(value);
      select.append(element("option", { value: value || NONE }, `${label || "none"} (${number.format(of)})`));
    }
    if (values.length < 2 && id !== "severity") select.closest("label").hidden = true;
  }

  // What the columns are sorted by.
  const columns = {
    score: ({ score }) => score,
    severity: ({ severity }) => -SEVERITIES.indexOf(severity),
    account: ({ user }) => user.accountLabel,
    user: ({ user }) => user.name,
    key: ({ key }) => key,
    message: ({ message }) => message,
    owner: ({ user }) => user.owner,
    advice: ({ user }) => user.advice,
  };
  let sort = { column: "score", ascending: false };
  let shown = [];
  let page = 0;

  const matching = () => {
    const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = Object.entries(filters)
      .map(([id, filter]) => [filter.of, byId(id).value])
      .filter(([, value]) => value !== "")
      .map(([of, value]) => [of, value === NONE ? "" : value]);
    const state = byId("state").value;
    const found = [];
    for (let at = 0; at < findings.length; at += 1) {
      const finding = findings[at];
      if (state !== "" && isSuppressed(finding) !== (state === "suppressed")) continue;
      if (!wanted.every(([of, value]) => of(finding) === value)) continue;
      if (!words.every((word) => haystacks[at].includes(word))) continue;
      found.push(at);
    }
    return found;
  };

  const collator = new Intl.Collator("en", { numeric: true });

  const update = () => {
    shown = matching();
    const keys = new Map(shown.map((at) => [at, columns[sort.column](findings[at])]));
    const compare = typeof keys.get(shown[0]) === "number" ? (a, b) => a - b : collator.compare;
    const direction = sort.ascending ? 1 : -1;
    // The places are ranks: what is equal stays in that order.
    shown.sort((a, b) => direction * compare(keys.get(a), keys.get(b)) || a - b);
    page = 0;
    render();
    for (const tile of document.querySelectorAll(".tile")) {
      tile.setAttribute("aria-pressed", String(byId("severity").value === tile.dataset.severity));
    }
  };

  const render = (all = false) => {
    const pages = Math.max(1, Math.ceil(shown.length / PAGE));
    const from = all ? 0 : page * PAGE;
    const part = shown.slice(from, all ? PRINTED : from + PAGE);
    byId("rows").replaceChildren(...part.map((at) => row(findings[at])));
    const range = part.length === 0 ? "No finding" : `${number.format(from + 1)} to ${number.format(from + part.length)} of ${number.format(shown.length)} findings`;
    byId("shown").textContent = `${range}${shown.length < findings.length ? `, ${number.format(findings.length)} in all` : ""}`;
    byId("page").textContent = `page ${page + 1} of ${number.format(pages)}`;
    byId("previous").disabled = page === 0;
    byId("next").disabled = page + 1 >= pages;
    byId("pages").hidden = pages < 2;
  };

  let rowNumber = 0;
  const row = (finding) => {
    const { score, severity, user, key, message, exception } = finding;
    const button = element("button", { type: "button", className: "open" }, bdi(message));
    button.setAttribute("aria-expanded", "false");
    const made = element("tr", { className: "row" },
      element("td", { className: "number" }, String(score)),
      element("td", {}, element("span", { className: `severity ${severity}` }, severity)),
      element("td", {}, bdi(user.accountLabel), element("div", { className: "small" }, bdi(user.unit))),
      element("td", {}, bdi(user.name)),
      element("td", { className: "key" }, key),
      element("td", {}, button, exception ? element("div", { className: "small" }, bdi(exception)) : null),
      element("td", {}, bdi(user.owner)),
      element("td", {}, user.advice));
    button.addEventListener("click", () => {
      const isOpen = button.getAttribute("aria-expanded") === "true";
      button.setAttribute("aria-expanded", String(!isOpen));
      if (isOpen) {
        document.getElementById(button.getAttribute("aria-controls")).remove();
      } else {
        rowNumber += 1;
        button.setAttribute("aria-controls", `more-${rowNumber}`);
        made.after(more(finding, `more-${rowNumber}`));
      }
    });
    return made;
  };

  const more = ({ rule, user, evidence, lines, remedy: commands }, id) => {
    const list = (items) => element("ul", {}, ...items.map((words) => element("li", {}, bdi(words))));
    const remedy = element("pre", {}, commands);
    const copy = element("button", { type: "button" }, "Copy");
    copy.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(commands);
        copy.textContent = "Copied";
      } catch {
        // A file may not be let near the clipboard: then it is selected, for a person to copy.
        getSelection().selectAllChildren(remedy);
        copy.textContent = "Selected: press Ctrl-C";
      }
    });
    const terms = [
      ["why", `${rule.title}. ${rule.why}`],
      ["account", user.accountLabel],
      ["user", user.arn],
      ["from", list(evidence.map(([value, source]) => `${value} (${data.sources[source]})`))],
      ["score", list(lines.map(([points, reason]) => `${points}: ${data.reasons[reason]}`))],
      ["keys and password", user.advice && `${user.advice}: ${user.reason}`],
      ["rule", rule.clauses ? `${rule.id}: ${rule.clauses}` : rule.id],
      ["to do", element("div", {}, remedy, copy)],
    ].filter(([, value]) => value);
    const dl = element("dl");
    for (const [name, value] of terms) {
      dl.append(element("dt", {}, name), element("dd", {}, typeof value === "string" ? bdi(value) : value));
    }
    return element("tr", { id, className: "more" }, element("td", { colSpan: 8 }, dl));
  };

  const byOwner = (most) => {
    const owners = new Map();
    for (const finding of findings.filter((it) => !isSuppressed(it))) {
      const { user, severity } = finding;
      const of = owners.get(user.owner) ?? { all: 0, critical: 0, high: 0, users: new Set() };
      of.all += 1;
      if (severity in of) of[severity] += 1;
      of.users.add(user);
      owners.set(user.owner, of);
    }
    if (owners.size < 2) return;
    const sorted = [...owners].sort(([, a], [, b]) => b.critical - a.critical || b.high - a.high || b.all - a.all);
    const cell = (of) => element("td", { className: "number" }, number.format(of));
    byId("by-owner").replaceChildren(...sorted.slice(0, most).map(([name, of]) => {
      const button = element("button", { type: "button", className: "link" }, bdi(name || "nobody is named"));
      button.addEventListener("click", () => {
        byId("owner").value = name || NONE;
        update();
        byId("findings").scrollIntoView();
        byId("owner").focus();
      });
      return element("tr", {}, element("td", {}, button), cell(of.all), cell(of.critical), cell(of.high), cell(of.users.size));
    }));
    const all = byId("all-owners");
    all.hidden = sorted.length <= most;
    all.textContent = `All ${number.format(sorted.length)}`;
    byId("owners").hidden = false;
  };

  for (const th of document.querySelectorAll("#table th[data-sort]")) {
    const column = th.dataset.sort;
    const button = element("button", { type: "button" }, th.textContent);
    th.replaceChildren(button);
    button.addEventListener("click", () => {
      // Numbers begin with the most, words with A.
      const first = column !== "score" && column !== "severity";
      sort = { column, ascending: sort.column === column ? !sort.ascending : first };
      for (const other of document.querySelectorAll("#table th[aria-sort]")) other.removeAttribute("aria-sort");
      th.setAttribute("aria-sort", sort.ascending ? "ascending" : "descending");
      update();
    });
  }
  for (const tile of document.querySelectorAll(".tile")) {
    tile.disabled = false;
    tile.addEventListener("click", () => {
      const severity = byId("severity");
      severity.value = severity.value === tile.dataset.severity ? "" : tile.dataset.severity;
      // A severity that no finding has is not among the choices.
      if (severity.value === "") severity.selectedIndex = 0;
      update();
    });
  }
  const form = byId("filters");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", update);
  byId("clear").addEventListener("click", () => { form.reset(); update(); });
  const turn = (by) => () => { page += by; render(); byId("findings").scrollIntoView(); };
  byId("previous").addEventListener("click", turn(-1));
  byId("next").addEventListener("click", turn(1));
  document.addEventListener("keydown", (event) => {
    const isTyping = ["INPUT", "SELECT", "TEXTAREA"].includes(event.target.tagName);
    if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      byId("search").focus();
    }
  });
  window.addEventListener("beforeprint", () => {
    render(true);
    if (shown.length > PRINTED) byId("shown").textContent += `; the first ${number.format(PRINTED)} are printed: filter to print others`;
  });
  window.addEventListener("afterprint", () => render());

  const theme = byId("theme");
  const isDark = () => (document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const name = () => { theme.textContent = isDark() ? "Light" : "Dark"; };
  theme.addEventListener("click", () => { document.documentElement.dataset.theme = isDark() ? "light" : "dark"; name(); });
  theme.hidden = false;
  name();

  form.hidden = false;
  byOwner(12);
  byId("all-owners").addEventListener("click", () => byOwner(Infinity));
  update();
})();
