// Answers each request on standard input, a JSON object in a line, with what the carriers' own
// JavaScript libraries say: a signature, or whether one holds (`1` or `0`).

const { createInterface } = require("node:readline");
const plivo = require("plivo");
const { RestClient: SignalWire } = require("@signalwire/compatibility-api");
const { Telnyx } = require("telnyx");
const twilio = require("twilio");
const { verifySignature } = require("@vonage/jwt");

/** Values of repeated names as a list, which is how these libraries take them. */
function parameters(fields) {
  const values = {};
  for (const [name, value] of fields ?? []) {
    values[name] = name in values ? [values[name], value].flat() : value;
  }
  return values;
}

const libraries = {
  twilio: ({ key, url, fields, body }) =>
    body === undefined
      ? twilio.getExpectedTwilioSignature(key, url, parameters(fields))
      : twilio.getExpectedTwilioSignature(key, url + twilio.getExpectedBodyHash(body), {}),
  signalwire: ({ key, url, fields, signature }) =>
    SignalWire.validateRequest(key, signature, url, parameters(fields), true),
  plivo: ({ key, url, fields, stamp, signature }) =>
    plivo.validateV3Signature("POST", url, stamp, key, signature, parameters(fields)),
  telnyx: async ({ key, body, stamp, signature }) => {
    const headers = { "telnyx-signature-ed25519": signature, "telnyx-timestamp": stamp };
    await new Telnyx({ apiKey: "none", publicKey: key }).webhooks.unwrap(body, { headers });
    return true;
  },
  vonage: ({ key, signature }) => verifySignature(signature, key),
};

async function main() {
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    const answer = await libraries[request.library](request);
    console.log(typeof answer === "boolean" ? Number(answer) : answer);
  }
}

main();
