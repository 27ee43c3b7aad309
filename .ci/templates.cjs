// Drives Chromium through the editor of templates and the plots; see .ci/dashboard.
"use strict";

const assert = require("node:assert");
const path = require("node:path");

const { PICTURES } = process.env;

/// Edits the template of calls that come in, and goes back.
exports.templates = async function (desk, faults) {
  await desk.click("nav >> text=Templates");
  assert.match(await desk.textContent("#answers"), /no version is active/);
  await write(desk, { greeting: "Hello, {who}." });
  await desk.waitForSelector("#wrong");
  assert.match(await desk.textContent("#wrong"), /field `greeting`: write a sentence/);
  assert.match(await desk.inputValue("#config"), /\{who\}/, "the text is not lost");

  await write(desk, { greeting: "Hello, {name}." });
  await desk.waitForSelector("#told");
  assert.match(await desk.textContent("#told"), /Version 1 is written/);
  // A provider without a key is named with what is missing, one with a key is taken.
  await desk.selectOption("#stt", "assemblyai");
  await desk.click("#editor button");
  await desk.waitForSelector("#wrong");
  assert.match(await desk.textContent("#wrong"), /ASSEMBLYAI_API_KEY/);
  await desk.selectOption("#stt", "deepgram");
  await desk.click("#editor button");
  await desk.waitForSelector("#told");
  assert.match(await desk.inputValue("#config"), /"stt": \{\s*"provider": "deepgram"/);
  // The browser notes each draft that was refused, and there was nothing else to note.
  assert.deepStrictEqual(faults.splice(0).map((fault) => / 422 /.test(fault)), [true, true]);
  await picture(desk, "templates");

  for (const version of [1, 2]) {
    await desk.locator("#versions tbody tr").nth(2 - version).locator("button").click();
    await desk.waitForSelector(`#answers:has-text("version ${version}")`);
  }
  await desk.click("#rollback");
  await desk.waitForSelector('#answers:has-text("version 1")');
};

async function write(desk, config) {
  await desk.fill("#config", JSON.stringify(config));
  await desk.click("#editor button");
}

/// Looks at the plots, in which the call of before is.
exports.trends = async function (desk) {
  await desk.click("nav >> text=Trends");
  const titles = await desk.locator("#outcomes rect title").allTextContents();
  assert.ok(titles.some((title) => title.endsWith("booked 1")), titles.join());
  const bar = await desk.locator("#outcomes svg.plot rect").first().boundingBox();
  assert.ok(bar.width > 5 && bar.height > 20, "it can be seen");
  assert.ok(await desk.locator("#success circle").count() === 1, "one day had calls");
  const fill = await desk.locator("#success circle").first()
    .evaluate((point) => getComputedStyle(point).fill);
  assert.notStrictEqual(fill, "rgb(0, 0, 0)", "the style sheet is let in");
  await picture(desk, "trends");
  await desk.click("text=By week");
  await desk.waitForSelector("#outcomes rect");
};

async function picture(page, name) {
  if (PICTURES) await page.screenshot({ path: path.join(PICTURES, `${name}.png`), fullPage: true });
}
