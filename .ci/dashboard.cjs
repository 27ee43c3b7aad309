// Drives Chromium through the dashboard of a running program; see .ci/dashboard.
"use strict";

const assert = require("node:assert");
const fs = require("node:fs");
const path = require("node:path");
const { chromium } = require("playwright-core");
const portal = require("./portal.cjs");
const { templates, trends } = require("./templates.cjs");

const { CHROMIUM, PICTURES, SERVING_KEY, SERVING_LOG, SERVING_URL } = process.env;

/// A Wednesday that is days away: in the evening nobody is reminded of what is booked for tomorrow.
function wednesday() {
  const day = new Date(Date.now() + 3 * 24 * 3600 * 1000);
  while (day.getDay() !== 3) day.setDate(day.getDate() + 1);
  return day.toLocaleDateString("en-US", { month: "long", day: "numeric" });
}

const SAID = [
  "I need an oil change", wednesday(), "the first one", "Jane Smith", "630 555 0123",
  "a 2018 Subaru Forester", "yes",
];

async function main() {
  const browser = await chromium.launch({
    executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-gpu"],
  });
  try {
    await watch(browser);
    await portal("+16305550123");
  } finally {
    await browser.close();
  }
  log();
  console.log("the dashboard shows a call as it goes on, its record, its jobs and its log;\n" +
    "a customer confirms, moves and cancels their visit by its link, in an app that can be installed");
}

/// A page whose every fault, and whose every request to somebody else, is a failure.
async function open(browser, faults) {
  const context = await browser.newContext({ viewport: { width: 1100, height: 800 } });
  const page = await context.newPage();
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(message.text());
  });
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(SERVING_URL) && !url.startsWith("data:")) faults.push(`asks ${url}`);
  });
  return page;
}

async function watch(browser) {
  const faults = [];
  const desk = await open(browser, faults);
  await desk.goto(`${SERVING_URL}/dashboard`);
  assert.ok(desk.url().endsWith("/dashboard/sign-in"), "strangers are asked for the key");
  await picture(desk, "sign-in");
  await desk.fill("#key", SERVING_KEY);
  await desk.press("#key", "Enter");
  await desk.waitForSelector("#live .empty");
  await desk.waitForFunction(() =>
    document.getElementById("connection").textContent === "Up to date");

  const phone = await open(browser, faults);
  await phone.goto(`${SERVING_URL}/`);
  await phone.click("#call");
  await phone.waitForSelector("#conversation .agent");
  for (const words of SAID) {
    const before = await phone.locator("#conversation .agent").count();
    await phone.fill("#words", words);
    await phone.press("#words", "Enter");
    await phone.waitForFunction((count) =>
      document.querySelectorAll("#conversation .agent").length > count, before);
    await settled(phone);
  }
  // The page that watches is told, and not loaded again.
  await desk.waitForFunction(() =>
    document.querySelector("#live td .caller")?.textContent === "yes");
  await desk.waitForFunction(() =>
    document.querySelector("#live td .agent")?.textContent.includes("oil change"));
  await picture(desk, "live");
  assert.strictEqual(await desk.textContent("#calls"), "1");
  await phone.click("#call");
  await desk.waitForSelector("#live .empty");
  await desk.waitForFunction(() => document.getElementById("booked").textContent === "1");
  assert.strictEqual(await desk.textContent("#success"), "100.0 %");

  await record(desk);
  await jobs(desk);
  await people(desk);
  await templates(desk, faults);
  await trends(desk);
  assert.deepStrictEqual(faults, []);
}

/// Waits until the agent says nothing more.
async function settled(phone) {
  let before = "";
  for (;;) {
    await phone.waitForTimeout(400);
    const now = await phone.textContent("#conversation");
    if (now === before) return;
    before = now;
  }
}

async function record(desk) {
  await desk.click("nav >> text=Calls");
  await picture(desk, "calls");
  await desk.click("#calls-table tbody tr:first-child a");
  await desk.waitForSelector("#transcript");
  const said = await desk.locator("#transcript .caller > p").allTextContents();
  assert.deepStrictEqual(said.map((words) => words.trim()), SAID);
  assert.strictEqual(await desk.textContent("#outcome"), "booked");
  assert.match(await desk.textContent("#trace"), /^[0-9a-f]{32}$/);
  const tools = await desk.locator("#tools tbody code").allTextContents();
  assert.ok(tools.includes("book_appointment"), tools.join());
  const bars = desk.locator("#transcript .waterfall rect");
  assert.ok(await bars.count() > 0, "answers are drawn");
  const widths = await bars.evaluateAll((all) => all.map((bar) => bar.getBoundingClientRect().width));
  assert.ok(widths.some((width) => width > 1), "and can be seen");
  const fill = await bars.first().evaluate((bar) => getComputedStyle(bar).fill);
  assert.notStrictEqual(fill, "rgb(0, 0, 0)", "the style sheet is let in");
  assert.ok(await desk.locator("#transcript .slowest").count() > 0, "the slowest part is named");
  await picture(desk, "call");
  await desk.emulateMedia({ colorScheme: "dark" });
  await picture(desk, "call-dark");
  await desk.emulateMedia({ colorScheme: "light" });
}

async function jobs(desk) {
  await desk.click("nav >> text=Jobs");
  const reminder = desk.locator("#jobs-table tbody tr", { hasText: "reminder" }).first();
  await picture(desk, "jobs");
  await reminder.locator("button").click();
  await desk.waitForSelector("#told");
  assert.strictEqual(await desk.textContent("#told"), "nothing here sends texts");
}

async function people(desk) {
  await desk.goto(`${SERVING_URL}/dashboard/people`);
  await desk.fill("input[name=phone]", "630 555 0123");
  await desk.press("input[name=phone]", "Enter");
  await desk.waitForSelector("#timeline");
  const timeline = await desk.textContent("#timeline");
  assert.match(timeline, /visit booked/);
  assert.match(timeline, /call inbound: booked/);
  await picture(desk, "people");
}

/// Every line is an object, and all lines of the call are of one trace.
function log() {
  const lines = fs.readFileSync(SERVING_LOG, "utf8").trim().split("\n").map((line) => JSON.parse(line));
  const names = lines.map((line) => line.message);
  for (const name of ["call.incoming", "call.started", "tool.finished", "call.ended"]) {
    assert.ok(names.includes(name), `${name} is logged`);
  }
  const call = lines.find((line) => line.message === "call.started").call;
  const spans = (line) => (line.spans ?? []).concat(line);
  const ours = lines.filter((line) => spans(line).some((one) => one.call === call));
  const traces = new Set(ours.map((line) => spans(line).find((one) => one.trace_id)?.trace_id));
  assert.strictEqual(traces.size, 1, "one call is one trace");
  assert.match([...traces][0], /^[0-9a-f]{32}$/);
  assert.ok(!JSON.stringify(lines).includes("6305550123"), "no number is logged");
}

async function picture(page, name) {
  if (PICTURES) await page.screenshot({ path: path.join(PICTURES, `${name}.png`), fullPage: true });
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
