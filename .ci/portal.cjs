// Drives Chromium through the pages of a visit, as its customer with the link; see .ci/dashboard.
"use strict";

const assert = require("node:assert");
const crypto = require("node:crypto");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { chromium } = require("playwright-core");

const { CHROMIUM, PICTURES, SERVING_KEY, SERVING_PORTAL_KEY, SERVING_URL } = process.env;

/// The token of a visit, written here as docs/dealership-portal.md says it is.
function token(id, ends) {
  const fields = Buffer.alloc(20);
  Buffer.from(id.replaceAll("-", ""), "hex").copy(fields);
  fields.writeUInt32BE(Math.floor(ends / 60_000), 16);
  const mac = crypto.createHmac("sha256", SERVING_PORTAL_KEY).update("visit link 1").update(fields);
  return Buffer.concat([fields, mac.digest().subarray(0, 16)]).toString("base64url");
}

async function visitOf(phone) {
  const answer = await fetch(`${SERVING_URL}/api/people/${encodeURIComponent(phone)}`, {
    headers: { authorization: `Bearer ${SERVING_KEY}` },
  });
  const person = await answer.json();
  const found = JSON.stringify(person).match(/"appointment":\[\{[^\]]*?"id":"([0-9a-f-]{36})"/);
  assert.ok(found, "the visit is told among what is known of the person");
  return found[1];
}

/// The pages of the visit of whoever has this number.
module.exports = async function portal(phone) {
  const sealed = token(await visitOf(phone), Date.now() + 3_600_000);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "portal-"));
  // Apps are installed into a profile, and not into a window without one.
  const browser = await chromium.launchPersistentContext(folder, {
    executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-gpu"],
    viewport: { width: 390, height: 760 },
  });
  try {
    const faults = [];
    const page = await browser.newPage();
    page.on("console", (message) => {
      if (message.type() === "error") faults.push(message.text());
    });
    page.on("pageerror", (error) => faults.push(String(error)));
    page.on("request", (request) => {
      const url = request.url();
      if (!url.startsWith(`${SERVING_URL}/visit/`)) faults.push(`asks ${url}`);
    });
    await page.goto(`${SERVING_URL}/visit/${sealed}`);
    await follow(page);
    await installable(page);
    assert.deepStrictEqual(faults, []);
    await ended(page, sealed);
  } finally {
    await browser.close();
    fs.rmSync(folder, { recursive: true, force: true });
  }
};

async function follow(page) {
  assert.match(await page.textContent("#service"), /oil change/);
  assert.match(await page.textContent("#code"), /^[A-Z0-9]{6}$/);
  const text = await page.textContent("body");
  assert.ok(!/Jane|Smith|Forester|555-?0123/.test(text), "nothing of the person is shown");
  await picture(page, "visit");
  await page.click("text=I will be there");
  await page.waitForSelector("[role=status]");
  assert.strictEqual(await page.textContent("#state"), "confirmed");

  const before = await page.getAttribute("#start", "datetime");
  await page.click("#move");
  await page.click("#after");
  while (await page.locator("#times button").count() === 0) await page.click("#after");
  await picture(page, "visit-times");
  const chosen = await page.locator("#times button").last().getAttribute("value");
  await page.locator("#times button").last().click();
  await page.waitForSelector("[role=status]");
  assert.strictEqual(await page.getAttribute("#start", "datetime"), chosen);
  assert.notStrictEqual(chosen, before);
  await picture(page, "visit-moved");
}

/// What a browser says who would install it.
async function installable(page) {
  const tools = await page.context().newCDPSession(page);
  const { errors, data, url } = await tools.send("Page.getAppManifest");
  assert.deepStrictEqual(errors, []);
  const app = JSON.parse(data);
  assert.strictEqual(app.display, "standalone");
  assert.ok(new URL(app.start_url, url).href.startsWith(`${SERVING_URL}${app.scope}`));
  const { installabilityErrors } = await tools.send("Page.getInstallabilityErrors");
  assert.deepStrictEqual(installabilityErrors, []);
}

/// Cancels it; then nothing is left to be done, and a link that was changed opens nothing.
async function ended(page, sealed) {
  await page.click("#cancel");
  await page.click("text=Cancel the appointment");
  await page.waitForSelector("[role=status]");
  assert.strictEqual(await page.textContent("#state"), "cancelled");
  assert.strictEqual(await page.locator("#move").count(), 0);
  const changed = `${sealed[0] === "A" ? "B" : "A"}${sealed.slice(1)}`;
  const answer = await page.goto(`${SERVING_URL}/visit/${changed}`);
  assert.strictEqual(answer.status(), 404);
  const api = await fetch(`${SERVING_URL}/api/visit/${sealed}`);
  assert.strictEqual((await api.json()).status, "cancelled");
}

async function picture(page, name) {
  if (PICTURES) await page.screenshot({ path: path.join(PICTURES, `${name}.png`), fullPage: true });
}
