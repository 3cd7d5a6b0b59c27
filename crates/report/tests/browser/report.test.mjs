// The HTML report in a browser, as people use it: with a mouse, a keyboard, a screen reader, on paper.
// `make test-report` runs it.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { HOSTILE, account, accessKeyId, gap, key, large, roll, user } from "./roll.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const rolecall = process.env.ROLECALL;
const folder = mkdtempSync(join(tmpdir(), "rolecall-report-"));
let browser;

before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    // Chromium has no sandbox as root in a container. The other flags turn off its background network requests.
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
});

after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true });
});

/** Writes the report of these accounts and returns its file URL. */
const writeReport = (name, accounts, configuration = "") => {
  const file = (extension) => join(folder, `${name}.${extension}`);
  writeFileSync(file("jsonl"), roll(accounts));
  writeFileSync(file("toml"), configuration);
  const arguments_ = ["report", file("jsonl"), "--config", file("toml"), "--format", "html", "--out", file("html")];
  try {
    execFileSync(rolecall, arguments_, { stdio: "pipe" });
  } catch (error) {
    assert.equal(error.status, 11, String(error.stderr));
  }
  return pathToFileURL(file("html")).href;
};

/** Opens a page; its check() fails if it made a request, logged an error or opened a dialog. */
const open = async (url, options = {}) => {
  const context = await browser.newContext({ viewport: { width: 1300, height: 900 }, ...options });
  const page = await context.newPage();
  const problems = [];
  page.on("console", (message) => { if (message.type() === "error") problems.push(message.text()); });
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("dialog", (dialog) => { problems.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("request", (request) => { if (request.url() !== url) problems.push(`requested ${request.url()}`); });
  await page.goto(url);
  page.check = async () => {
    assert.deepEqual(problems, []);
    await context.close();
  };
  return page;
};

const small = () => [
  account("111111111111", "shop", [
    user("ann", [key("AKIAANN1", { age: 900 }), key("AKIAANN2", { age: 10, used: 1 })], { tags: { Owner: "team-shop" } }),
    user("root-like", [key("AKIAADMIN", { age: 500, used: 2 })], { administrator: true, password: true }),
    user("idle", [], {}),
  ]),
  account("333333333333", "bank", [user("clerk", [key("AKIACLERK", { age: 91, used: 3 })])], { unit: "Finance" }),
  account("444444444444", "closed", null, { gaps: [gap("User: x is not authorized to perform: sts:AssumeRole")] }),
];

const rows = (page) => page.locator("#rows > tr.row");
const column = (page, nth) => rows(page).locator(`td:nth-child(${nth})`).allInnerTexts();

test("the coverage comes first, and gaps are shown with the messages of AWS", async () => {
  const page = await open(writeReport("coverage", small()));
  assert.equal(await page.locator("main section").first().locator("h2").innerText(), "ROLL INCOMPLETE");
  assert.match(await page.locator("header .origin").innerText(), /caller 222222222222 assumed-role\/LambdaRole\/x/);
  assert.match(await page.locator("#coverage").innerText(), /1\s+denied\s+AssumeRole: access denied, AWS gave no reason/);
  await page.locator("#not-read summary").click();
  assert.match(await page.locator("#not-read").innerText(), /not authorized to perform: sts:AssumeRole[\s\S]*request 8a6f0c1e/);
  await page.check();
});

test("findings are filtered by severity, account, unit, owner, rule and words", async () => {
  const page = await open(writeReport("filter", small()));
  const all = await rows(page).count();
  assert.ok(all > 6, String(all));
  await page.locator(".tile.high").click();
  assert.deepEqual([...new Set(await column(page, 2))], ["high"]);
  assert.equal(await page.locator(".tile.high").getAttribute("aria-pressed"), "true");
  await page.locator(".tile.high").click();
  assert.equal(await rows(page).count(), all);
  await page.selectOption("#account", "333333333333");
  assert.deepEqual([...new Set(await column(page, 4))], ["clerk"]);
  await page.locator("#clear").click();
  await page.selectOption("#unit", "Finance");
  assert.deepEqual([...new Set(await column(page, 4))], ["clerk"]);
  await page.locator("#clear").click();
  await page.selectOption("#owner", "team-shop");
  assert.deepEqual([...new Set(await column(page, 4))], ["ann"]);
  await page.locator("#clear").click();
  await page.selectOption("#rule", "access-key-age");
  assert.deepEqual((await column(page, 5)).sort(), ["AKIAADMIN", "AKIAANN1", "AKIACLERK"].map(accessKeyId));
  await page.locator("#clear").click();
  await page.selectOption("#advice", "deactivate");
  assert.deepEqual([...new Set(await column(page, 8))], ["deactivate"]);
  await page.locator("#clear").click();
  await page.fill("#search", "akiaann1 never");
  assert.deepEqual(await column(page, 5), [accessKeyId("AKIAANN1")]);
  await page.fill("#search", "there is no such thing");
  assert.equal(await rows(page).count(), 0);
  assert.match(await page.locator("#shown").innerText(), /^No findings match, \d+ in total$/);
  await page.check();
});

test("findings are sorted by each column, both ways", async () => {
  const page = await open(writeReport("sort", small()));
  const scores = (await column(page, 1)).map(Number);
  assert.deepEqual(scores, scores.toSorted((a, b) => b - a), "the most urgent first");
  for (const [name, nth] of [["Account", 3], ["User", 4], ["Access key", 5]]) {
    const head = page.locator(`#table th:nth-child(${nth})`);
    assert.match(await head.innerText(), new RegExp(`^${name}`));
    await head.locator("button").click();
    assert.equal(await head.getAttribute("aria-sort"), "ascending");
    const found = await column(page, nth);
    assert.deepEqual(found, found.toSorted(new Intl.Collator("en", { numeric: true }).compare), name);
    await head.locator("button").click();
    assert.equal(await head.getAttribute("aria-sort"), "descending");
    assert.equal(await page.locator("#table th[aria-sort]").count(), 1);
  }
  await page.check();
});

test("a finding opens to its evidence, its score with reasons and a remedy to copy", async () => {
  const page = await open(writeReport("open", small()));
  await page.fill("#search", "AKIAANN1 never used");
  await page.locator("#rows button.open").first().click();
  const details = page.locator("#rows tr.more");
  assert.match(await details.innerText(), /never used \(last_used, live\)/);
  assert.match(await details.innerText(), /20: medium severity/);
  assert.match(await details.innerText(), /advice\s+deactivate: an active key is not in use/);
  assert.match(await details.innerText(), /cis-5\.0 1\.11/);
  const remedy = await details.locator("pre").first().innerText();
  assert.match(remedy, /aws iam update-access-key --user-name ann --access-key-id AKIAANN1X+ --status Inactive/);
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]).catch(() => {});
  assert.doesNotMatch(remedy, /delete/);
  assert.match(await details.locator("strong").innerText(), /delete AKIAANN1X+\. This cannot be undone\.$/);
  await details.locator("button").first().click();
  await page.waitForFunction(() => /Copied|Selected/.test(document.querySelector("tr.more button").textContent));
  const copied = await details.locator("button").first().innerText() === "Copied"
    ? await page.evaluate(() => navigator.clipboard.readText())
    : await page.evaluate(() => getSelection().toString());
  assert.equal(copied.trim(), remedy.trim());
  await page.locator("#rows button.open").first().click();
  assert.equal(await details.count(), 0);
  await page.check();
});

test("names are shown as text, whatever they contain", async () => {
  const users = HOSTILE.map((name, index) => user(name, [key(`AKIA${index}`, { age: 500 })], { tags: { Owner: name } }));
  const accounts = HOSTILE.map((name, index) => account(`1111111111${String(index).padStart(2, "0")}`, name, [users[index]], { unit: name }));
  accounts.push(account("444444444444", HOSTILE[0], null, { gaps: [gap(HOSTILE[1])] }));
  const toml = `[[exception]]\nuser = "nobody"\nowner = '''${HOSTILE[0]}'''\nreason = '''${HOSTILE[1]}'''\nuntil = 2027-01-01\n`;
  const url = writeReport("hostile", accounts, toml);
  const page = await open(url);
  const sanitize = (name) => name.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu, "\ufffd");
  const cells = new Set(await rows(page).locator("td:nth-child(4)").allTextContents());
  for (const name of HOSTILE) assert.ok(cells.has(sanitize(name)), name);
  for (const button of await page.locator("#rows button.open").all()) await button.click();
  for (const summary of await page.locator("summary").all()) await summary.click();
  assert.equal(await page.evaluate(() => window.pwned), undefined);
  assert.equal(await page.locator("img, iframe, object, embed, base, link, a[href^='javascript']").count(), 0);
  assert.equal(await page.locator("script").count(), 2);
  await page.check();
  // The same page without JavaScript.
  const withoutScripts = await open(url, { javaScriptEnabled: false });
  assert.equal(await withoutScripts.locator("img").count(), 0);
  assert.ok(await withoutScripts.locator("#rows tr").count() >= HOSTILE.length);
  await withoutScripts.check();
});

test("only its own style and script run", async () => {
  const page = await open(writeReport("policy", small()));
  const policy = await page.locator("meta[http-equiv='Content-Security-Policy']").getAttribute("content");
  assert.match(policy, /^default-src 'none'; style-src 'sha256-[^']+'; script-src 'sha256-[^']+'; base-uri 'none'; form-action 'none'$/);
  const ran = await page.evaluate(async () => {
    const script = document.createElement("script");
    script.textContent = "window.pwned = 1";
    document.body.append(script);
    const request = await fetch("https://example.com/").then(() => "allowed", () => "blocked");
    return [window.pwned, request];
  });
  assert.deepEqual(ran, [undefined, "blocked"]);
  await page.context().close();
});

test("twenty thousand keys are shown a hundred at a time, filtered and sorted", async (t) => {
  const start = performance.now();
  const url = writeReport("large", large());
  t.diagnostic(`written in ${Math.round(performance.now() - start)} ms`);
  const page = await open(url);
  const time = async (label, action) => {
    const start = performance.now();
    await action();
    t.diagnostic(`${label}: ${Math.round(performance.now() - start)} ms`);
  };
  assert.equal(await rows(page).count(), 100);
  const all = Number((await page.locator("#shown").innerText()).match(/of ([\d,]+) findings/)[1].replaceAll(",", ""));
  assert.ok(all > 20_000, String(all));
  await time("search", () => page.fill("#search", "user-00042"));
  assert.deepEqual([...new Set(await column(page, 4))], ["user-00042"]);
  await time("search cleared", () => page.fill("#search", ""));
  await time("sort by user", () => page.locator("#table th:nth-child(4) button").click());
  assert.equal((await column(page, 4))[0], "user-00000");
  await time("filter by owner", () => page.selectOption("#owner", "team-7"));
  assert.ok((await column(page, 7)).every((owner) => owner === "team-7"));
  await time("next page", () => page.locator("#next").click());
  assert.match(await page.locator("#page").innerText(), /^page 2 of/);
  assert.equal(await rows(page).count(), 100);
  await page.check();
});

for (const colorScheme of ["light", "dark"]) {
  test(`it is accessible, ${colorScheme}`, async () => {
    const page = await open(writeReport(`accessible-${colorScheme}`, small(), "[[exception]]\nuser = \"idle\"\nowner = \"j\"\nreason = \"r\"\nuntil = 2027-01-01\n"), { colorScheme });
    const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const brightness = Number(background.match(/\d+/)[0]);
    assert.ok(colorScheme === "dark" ? brightness < 60 : brightness > 200, background);
    await page.locator("#not-read summary").click();
    await page.locator("#rows button.open").first().click();
    await page.evaluate(AXE);
    const { violations } = await page.evaluate(() => globalThis.axe.run(document));
    assert.deepEqual(violations.map(({ id, nodes }) => [id, nodes.map((node) => node.html).slice(0, 3)]), []);
    // The button switches the color scheme.
    await page.locator("#theme").click();
    const switched = Number((await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).match(/\d+/)[0]);
    assert.ok(colorScheme === "dark" ? switched > 200 : switched < 60, String(switched));
    const again = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ["color-contrast"] }));
    assert.deepEqual(again.violations.map(({ id, nodes }) => [id, nodes.map((node) => node.html).slice(0, 3)]), []);
    await page.check();
  });
}

test("it can be used with the keyboard", async () => {
  const page = await open(writeReport("keyboard", small()));
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement.id), "search");
  await page.keyboard.type("clerk");
  assert.deepEqual([...new Set(await column(page, 4))], ["clerk"]);
  await page.locator("#rows button.open").first().focus();
  await page.keyboard.press("Enter");
  assert.equal(await page.locator("#rows tr.more").count(), 1);
  await page.check();
});

test("on paper it shows all filtered findings and no buttons", async () => {
  const page = await open(writeReport("paper", large().slice(0, 4)), { colorScheme: "dark" });
  await page.selectOption("#severity", "medium");
  await page.emulateMedia({ media: "print" });
  await page.evaluate(() => window.dispatchEvent(new Event("beforeprint")));
  assert.ok(await rows(page).count() > 100);
  for (const id of ["#filters", "#pages", "#theme"]) assert.equal(await page.locator(id).isVisible(), false, id);
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), "rgb(255, 255, 255)");
  const pdf = await page.pdf({ format: "A4", landscape: true });
  assert.equal(pdf.subarray(0, 5).toString(), "%PDF-");
  await page.check();
});

test("without JavaScript the most urgent findings are shown", async () => {
  const page = await open(writeReport("without", large().slice(0, 3)), { javaScriptEnabled: false });
  assert.equal(await page.locator("#rows tr").count(), 50);
  assert.equal(await page.locator("#filters").isVisible(), false);
  assert.match(await page.locator("#shown").innerText(), /^The 50 most urgent of [\d,]+ findings\. Enable JavaScript to see all\.$/);
  await page.check();
});
