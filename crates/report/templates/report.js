"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { texts, rules, findings } = data;
  const PAGE = 100, PRINTED = 2000;
  // Places in a finding, as the program that wrote them counts.
  const SCORE = 0, SEVERITY = 1, RULE = 2, ACCOUNT = 3, NAME = 4, UNIT = 5, OWNER = 6, USER = 7, ARN = 8, KEY = 9,
    MESSAGE = 10, EVIDENCE = 11, LINES = 12, ADVICE = 13, BECAUSE = 14, REMEDY = 15, EXCEPTION = 16;
  const SEVERITIES = ["critical", "high", "medium", "low", "informational"];
  const byId = (id) => document.getElementById(id);
  const text = (finding, place) => texts[finding[place]];
  const userOf = (finding) => text(finding, USER) || "root user";
  const accountOf = (finding) => text(finding, NAME) || text(finding, ACCOUNT);
  const isExcepted = (finding) => text(finding, EXCEPTION).startsWith("excepted");
  const number = new Intl.NumberFormat("en-US");

  // What a finding is searched by, once.
  const haystacks = findings.map((it) => [
    text(it, ACCOUNT), text(it, NAME), text(it, UNIT), text(it, OWNER), userOf(it), text(it, ARN), text(it, KEY),
    text(it, MESSAGE), texts[rules[it[RULE]][0]], texts[rules[it[RULE]][1]], text(it, ADVICE),
  ].join("\n").toLowerCase());

  const element = (name, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children.filter((child) => child !== null));
    return made;
  };
  // Names are other people's: isolated, so that they turn no text around them.
  const bdi = (words) => element("bdi", {}, words);

  const filters = {
    account: { of: (it) => text(it, ACCOUNT), label: (it) => `${text(it, ACCOUNT)} ${text(it, NAME)}`.trim() },
    unit: { of: (it) => text(it, UNIT), label: (it) => text(it, UNIT) },
    owner: { of: (it) => text(it, OWNER), label: (it) => text(it, OWNER) },
    severity: { of: (it) => text(it, SEVERITY), label: (it) => text(it, SEVERITY), order: SEVERITIES },
    rule: { of: (it) => texts[rules[it[RULE]][0]], label: (it) => texts[rules[it[RULE]][1]] },
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

  let sort = { place: SCORE, ascending: false };
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
      if (state !== "" && isExcepted(finding) !== (state === "excepted")) continue;
      if (!wanted.every(([of, value]) => of(finding) === value)) continue;
      if (!words.every((word) => haystacks[at].includes(word))) continue;
      found.push(at);
    }
    return found;
  };

  const sortKey = (finding) => {
    switch (sort.place) {
      case SCORE: return finding[SCORE];
      case SEVERITY: return -SEVERITIES.indexOf(text(finding, SEVERITY));
      case NAME: return accountOf(finding);
      case USER: return userOf(finding);
      default: return text(finding, sort.place);
    }
  };
  const collator = new Intl.Collator("en", { numeric: true });

  const update = () => {
    shown = matching();
    const keys = new Map(shown.map((at) => [at, sortKey(findings[at])]));
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
    const severity = text(finding, SEVERITY);
    const button = element("button", { type: "button", className: "open" }, bdi(text(finding, MESSAGE)));
    button.setAttribute("aria-expanded", "false");
    const exception = text(finding, EXCEPTION);
    const made = element("tr", { className: "row" },
      element("td", { className: "number" }, String(finding[SCORE])),
      element("td", {}, element("span", { className: `severity ${severity}` }, severity)),
      element("td", { title: text(finding, ACCOUNT) }, bdi(accountOf(finding)), element("div", { className: "small" }, bdi(text(finding, UNIT)))),
      element("td", {}, bdi(userOf(finding))),
      element("td", { className: "key" }, text(finding, KEY)),
      element("td", {}, button, exception ? element("div", { className: "small" }, bdi(exception)) : null),
      element("td", {}, bdi(text(finding, OWNER))),
      element("td", {}, text(finding, ADVICE)));
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

  const more = (finding, id) => {
    const [rule, title, why, clauses] = rules[finding[RULE]].map((place) => texts[place]);
    const list = (items) => element("ul", {}, ...items.map((words) => element("li", {}, bdi(words))));
    const remedy = element("pre", {}, text(finding, REMEDY));
    const copy = element("button", { type: "button" }, "Copy");
    copy.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text(finding, REMEDY));
        copy.textContent = "Copied";
      } catch {
        // A file may not be let near the clipboard: then it is selected, for a person to copy.
        getSelection().selectAllChildren(remedy);
        copy.textContent = "Selected: press Ctrl-C";
      }
    });
    const terms = [
      ["why", `${title}. ${why}`],
      ["account", `${text(finding, ACCOUNT)} ${text(finding, NAME)}`],
      ["user", text(finding, ARN)],
      ["from", list(finding[EVIDENCE].map((place) => texts[place]))],
      ["score", list(finding[LINES].map(([points, place]) => `${points}: ${texts[place]}`))],
      ["user calls for", text(finding, ADVICE) && `${text(finding, ADVICE)}: ${text(finding, BECAUSE)}`],
      ["rule", clauses ? `${rule}: ${clauses}` : rule],
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
    for (const finding of findings.filter((it) => !isExcepted(it))) {
      const name = text(finding, OWNER);
      const of = owners.get(name) ?? { all: 0, critical: 0, high: 0, users: new Set() };
      of.all += 1;
      if (text(finding, SEVERITY) in of) of[text(finding, SEVERITY)] += 1;
      of.users.add(finding[ARN]);
      owners.set(name, of);
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
    const place = Number(th.dataset.sort);
    const button = element("button", { type: "button" }, th.textContent);
    th.replaceChildren(button);
    button.addEventListener("click", () => {
      // Numbers begin with the most, words with A.
      const first = place === SCORE || place === SEVERITY ? false : true;
      sort = { place, ascending: sort.place === place ? !sort.ascending : first };
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
