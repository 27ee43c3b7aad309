// Serves mocks from the carriers' own descriptions of their APIs, and lets our clients ask them.

const { spawn } = require("node:child_process");
const { mkdtempSync, readFileSync, writeFileSync } = require("node:fs");
const path = require("node:path");
const yaml = require("js-yaml");

const [, , requests, folder] = process.argv;

/** By the name that `api_requests` knows: the file, what stands before its paths, and which of them. */
const descriptions = {
  twilio: ["twilio_api_v2010.json", "", /\/(Calls|Messages)(\.json|\/\{(Call)?Sid\}(\.json|\/Recordings))/],
  "twilio-verify": ["twilio_verify_v2.json", "", /\/Verification(s|Check)$/],
  signalwire: ["compatibility/openapi.yaml", "/api/laml/2010-04-01", /\/(Calls|Messages)($|\/\{(Call)?Sid\}($|\/Recordings))/],
  "signalwire-rest": ["signalwire-rest/openapi.yaml", "", /\/mfa\//],
  vonage: ["voice.yml", "/v1/calls", /./],
  telnyx: [
    "spec3.yml",
    "/v2",
    /^\/(texml\/Accounts\/\{account_sid\}\/Calls|calls\/\{call_control_id\}\/actions\/(send_dtmf|playback_st)|messages$|verifications\/)/,
  ],
};

/** The description with these paths, and with the parts that they refer to. */
function cut(description, prefix, paths) {
  const { components = {}, ...rest } = description;
  const kept = { ...rest, servers: undefined, webhooks: undefined, paths: {}, components: {} };
  for (const [path, item] of Object.entries(description.paths)) {
    if (paths.test(path)) kept.paths[prefix + (prefix && path === "/" ? "" : path)] = item;
  }
  kept.components.securitySchemes = components.securitySchemes;
  const waiting = [kept.paths];
  while (waiting.length > 0) {
    for (const [, kind, name] of JSON.stringify(waiting.pop()).matchAll(
      /"\$ref":"#\/components\/([^/"]+)\/([^"]+)"/g,
    )) {
      kept.components[kind] ??= {};
      if (name in kept.components[kind]) continue;
      kept.components[kind][name] = components[kind][name];
      waiting.push(components[kind][name]);
    }
  }
  // Telnyx's file leaves out the name of a call that was made.
  const made = kept.components.schemas?.InitiateCallResult;
  if (made) Object.assign(made.properties, { call_sid: { type: "string", example: "v3:call-1" } });
  if (made) delete made.example;
  nameLists(kept);
  // Vonage's endpoints ask for so little that a phone is a SIP endpoint, too.
  return JSON.stringify(kept).replaceAll('"oneOf"', '"anyOf"');
}

/** Says how forms write lists. It is what OpenAPI takes for granted, and Prism does not. */
function nameLists(description) {
  const form = "application/x-www-form-urlencoded";
  for (const item of Object.values(description.paths)) {
    const content = item.post?.requestBody?.content?.[form];
    if (!content) continue;
    const named = content.schema.$ref?.split("/").pop();
    const { properties = {} } = named ? description.components.schemas[named] : content.schema;
    const lists = Object.entries(properties).filter(([, { type }]) => type === "array");
    const written = lists.map(([name]) => [name, { style: "form", explode: true }]);
    content.encoding = { ...content.encoding, ...Object.fromEntries(written) };
  }
}

async function mock(file, port) {
  const prism = spawn("prism", ["mock", "-h", "127.0.0.1", "-p", port, file]);
  const said = [];
  await new Promise((resolve, reject) => {
    const read = (text) => {
      said.push(text.toString());
      if (said.join("").includes("is listening")) resolve();
    };
    prism.stdout.on("data", read);
    prism.stderr.on("data", read);
    prism.on("close", () => reject(new Error(said.join(""))));
  });
  return { prism, said };
}

async function hold(name, port) {
  const [file, prefix, paths] = descriptions[name];
  const text = readFileSync(path.join(folder, file), "utf8");
  const place = path.join(mkdtempSync(path.join(process.env.PLACE, "spec-")), "spec.json");
  writeFileSync(place, cut(yaml.load(text), prefix, paths));
  const { prism, said } = await mock(place, port);
  const url = `http://127.0.0.1:${port}`;
  const code = await new Promise((resolve) =>
    spawn(requests, [name, url], { stdio: "inherit" }).on("close", resolve));
  prism.kill();
  if (code !== 0) console.error(said.join("").split("\n").filter((l) => /✖|error|Violation/i.test(l)).join("\n"));
  return code === 0;
}

async function main() {
  let good = true;
  let port = 4010;
  for (const name of Object.keys(descriptions)) good = (await hold(name, `${port++}`)) && good;
  process.exit(good ? 0 : 1);
}

main();
