"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const PAGE = 100, PRINTED = 2000;
  const SEVERITIES = data.severities;
  const byId = (id) => document.getElementById(id);
  const number = new Intl.NumberFormat("en-US");

  // The arrays have the order in which render/html/data.rs writes them.
  const rules = data.rules.map(([id, title, why, clauses]) => ({ id, title, why, clauses }));
  const users = data.users.map(([account, accountName, unit, owner, name, arn, advice, reason]) =>
    ({ account, accountName: accountName || account, accountLabel: accountName ? `${account} ${accountName}` : account,
      unit, owner, name: name || "root user", arn, advice, reason }));
  const findings = data.findings.map(([score, severity, rule, user, key, message, evidence, components, steps, exception]) => ({
    score, severity: SEVERITIES[severity], rule: rules[rule], user: users[user], key, message, evidence, components, steps,
    exception: exception ?? "",
  }));
  const isSuppressed = (finding) => finding.exception.startsWith("suppressed");

  // The text in which the search looks for words, per finding.
  const haystacks = findings.map(({ user, rule, key, message }) => [
    user.account, user.accountName, user.unit, user.owner, user.name, user.arn, user.advice, key, message, rule.id, rule.title,
  ].join("\n").toLowerCase());

  const element = (name, properties = {}, ...children) => {
    const created = Object.assign(document.createElement(name), properties);
    created.append(...children.filter((child) => child !== null));
    return created;
  };
  // Names come from other people: <bdi> keeps right-to-left characters in them from reordering the text around them.
  const bdi = (text) => element("bdi", {}, text);

  const filters = {
    account: { value: ({ user }) => user.account, label: ({ user }) => user.accountLabel },
    unit: { value: ({ user }) => user.unit, label: ({ user }) => user.unit },
    owner: { value: ({ user }) => user.owner, label: ({ user }) => user.owner },
    severity: { value: ({ severity }) => severity, label: ({ severity }) => severity, order: SEVERITIES },
    advice: { value: ({ user }) => user.advice, label: ({ user }) => user.advice },
    rule: { value: ({ rule }) => rule.id, label: ({ rule }) => rule.title },
  };
  // The value of the option for findings without a value.
  const NONE = "\u0000none";
  const EMPTY_LABELS = { unit: "unit unknown", owner: "no owner", advice: "no advice" };

  for (const [id, filter] of Object.entries(filters)) {
    const counts = new Map();
    for (const finding of findings) {
      const value = filter.value(finding);
      const counted = counts.get(value);
      if (counted) counted.number += 1;
      else counts.set(value, { label: filter.label(finding), number: 1 });
    }
    const values = [...counts.keys()];
    if (filter.order) values.sort((a, b) => filter.order.indexOf(a) - filter.order.indexOf(b));
    else values.sort((a, b) => counts.get(a).label.localeCompare(counts.get(b).label));
    const select = byId(id);
    for (const value of values) {
      const { label, number: count } = counts.get(value);
      select.append(element("option", { value: value || NONE }, `${label || EMPTY_LABELS[id]} (${number.format(count)})`));
    }
    if (values.length < 2 && id !== "severity") select.closest("label").hidden = true;
  }

  // The sort keys of the columns.
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

  const matchingIndexes = () => {
    const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const selected = Object.entries(filters)
      .map(([id, filter]) => [filter.value, byId(id).value])
      .filter(([, value]) => value !== "")
      .map(([valueOf, value]) => [valueOf, value === NONE ? "" : value]);
    const state = byId("state").value;
    const found = [];
    for (let index = 0; index < findings.length; index += 1) {
      const finding = findings[index];
      if (state !== "" && isSuppressed(finding) !== (state === "suppressed")) continue;
      if (!selected.every(([valueOf, value]) => valueOf(finding) === value)) continue;
      if (!words.every((word) => haystacks[index].includes(word))) continue;
      found.push(index);
    }
    return found;
  };

  const collator = new Intl.Collator("en", { numeric: true });

  const update = () => {
    shown = matchingIndexes();
    const keys = new Map(shown.map((index) => [index, columns[sort.column](findings[index])]));
    const compare = typeof keys.get(shown[0]) === "number" ? (a, b) => a - b : collator.compare;
    const direction = sort.ascending ? 1 : -1;
    // The findings are in order of urgency, so equal keys keep that order.
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
    byId("rows").replaceChildren(...part.map((index) => row(findings[index])));
    const none = shown.length < findings.length ? "No findings match" : byId("shown").dataset.none;
    const range = part.length === 0 ? none : `${number.format(from + 1)} to ${number.format(from + part.length)} of ${number.format(shown.length)} findings`;
    byId("shown").textContent = `${range}${shown.length < findings.length ? `, ${number.format(findings.length)} in total` : ""}`;
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
    const tr = element("tr", { className: "row" },
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
        tr.after(details(finding, `more-${rowNumber}`));
      }
    });
    return tr;
  };

  // A step of a remedy has its own button: who copies one step does not copy the next one.
  const stepItem = ([title, opening, body]) => {
    const [text, cannotBeUndone] = data.titles[title];
    const commands = data.openings[opening] + body + data.block_end;
    const remedy = element("pre", {}, commands);
    const copy = element("button", { type: "button" }, "Copy");
    copy.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(commands);
        copy.textContent = "Copied";
      } catch {
        // Browsers may deny a local file access to the clipboard: then select the text for copying by hand.
        getSelection().selectAllChildren(remedy);
        copy.textContent = "Selected: press Ctrl-C";
      }
    });
    return element("li", {}, element(cannotBeUndone ? "strong" : "span", {}, bdi(text)), remedy, copy);
  };

  const details = ({ rule, user, evidence, components, steps }, id) => {
    const list = (items) => element("ul", {}, ...items.map((text) => element("li", {}, bdi(text))));
    const terms = [
      ["why", `${rule.title}. ${rule.why}`],
      ["account", user.accountLabel],
      ["user", user.arn],
      ["evidence", list(evidence.map(([value, source]) => `${value} (${data.sources[source]})`))],
      ["score", list(components.map(([points, reason]) => `${points}: ${data.reasons[reason]}`))],
      ["advice", user.advice && `${user.advice}: ${user.reason}`],
      ["rule", rule.clauses ? `${rule.id}: ${rule.clauses}` : rule.id],
      ["remedy", element("ol", {}, ...steps.map(stepItem))],
    ].filter(([, value]) => value);
    const dl = element("dl");
    for (const [name, value] of terms) {
      dl.append(element("dt", {}, name), element("dd", {}, typeof value === "string" ? bdi(value) : value));
    }
    return element("tr", { id, className: "more" }, element("td", { colSpan: 8 }, dl));
  };

  const renderOwners = (limit) => {
    const owners = new Map();
    for (const finding of findings.filter((it) => !isSuppressed(it))) {
      const { user, severity } = finding;
      const counts = owners.get(user.owner) ?? { all: 0, critical: 0, high: 0, users: new Set() };
      counts.all += 1;
      if (severity in counts) counts[severity] += 1;
      counts.users.add(user.arn);
      owners.set(user.owner, counts);
    }
    if (owners.size < 2) return;
    const sorted = [...owners].sort(([, a], [, b]) => b.critical - a.critical || b.high - a.high || b.all - a.all);
    const cell = (count) => element("td", { className: "number" }, number.format(count));
    byId("by-owner").replaceChildren(...sorted.slice(0, limit).map(([name, counts]) => {
      const button = element("button", { type: "button", className: "link" }, bdi(name || "no owner"));
      button.addEventListener("click", () => {
        byId("owner").value = name || NONE;
        update();
        byId("findings").scrollIntoView();
        byId("owner").focus();
      });
      return element("tr", {}, element("td", {}, button), cell(counts.all), cell(counts.critical), cell(counts.high), cell(counts.users.size));
    }));
    const all = byId("all-owners");
    all.hidden = sorted.length <= limit;
    all.textContent = `Show all ${number.format(sorted.length)}`;
    byId("owners").hidden = false;
  };

  for (const th of document.querySelectorAll("#table th[data-sort]")) {
    const column = th.dataset.sort;
    const button = element("button", { type: "button" }, th.textContent);
    th.replaceChildren(button);
    button.addEventListener("click", () => {
      // The first click sorts score and severity from the highest, all other columns from A.
      const startsAscending = column !== "score" && column !== "severity";
      sort = { column, ascending: sort.column === column ? !sort.ascending : startsAscending };
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
      // The list has no option for a severity without findings.
      if (severity.value === "") severity.selectedIndex = 0;
      update();
    });
  }
  const form = byId("filters");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", update);
  byId("clear").addEventListener("click", () => { form.reset(); update(); });
  const turnPage = (step) => () => { page += step; render(); byId("findings").scrollIntoView(); };
  byId("previous").addEventListener("click", turnPage(-1));
  byId("next").addEventListener("click", turnPage(1));
  document.addEventListener("keydown", (event) => {
    const isTyping = ["INPUT", "SELECT", "TEXTAREA"].includes(event.target.tagName);
    if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      byId("search").focus();
    }
  });
  window.addEventListener("beforeprint", () => {
    render(true);
    if (shown.length > PRINTED) byId("shown").textContent += `; only the first ${number.format(PRINTED)} are printed, filter to print others`;
  });
  window.addEventListener("afterprint", () => render());

  const theme = byId("theme");
  const isDark = () => (document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const updateThemeButton = () => { theme.textContent = isDark() ? "Light" : "Dark"; };
  theme.addEventListener("click", () => { document.documentElement.dataset.theme = isDark() ? "light" : "dark"; updateThemeButton(); });
  theme.hidden = false;
  updateThemeButton();

  form.hidden = false;
  renderOwners(12);
  byId("all-owners").addEventListener("click", () => renderOwners(Infinity));
  update();
})();
