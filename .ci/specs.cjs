// Serves mocks from the carriers' own descriptions of their APIs, and lets our clients ask them.

const { execFileSync, spawn } = require("node:child_process");
const { existsSync, mkdtempSync, readFileSync, writeFileSync } = require("node:fs");
const http = require("node:http");
const path = require("node:path");
const Ajv = require("ajv");
const addFormats = require("ajv-formats");
const yaml = require("js-yaml");

const [, , requests, swml, folder] = process.argv;

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

/** A call of Vapi's, with the fields that its description demands. */
const vapiCall = (id) => ({
  id,
  orgId: id,
  status: "queued",
  createdAt: "2026-01-01T00:00:00Z",
  updatedAt: "2026-01-01T00:00:00Z",
});

/** A checker by JSON Schema that knows the formats, and passes over the words that only OpenAPI has. */
function checker(Kind) {
  const ajv = new Kind({ strict: false, allErrors: true });
  addFormats(ajv);
  return ajv;
}

/** What a mock of Vapi says of a request: its status, and what is wrong with it. */
function judge(description, takes, request, body) {
  const uuid = /^\/call\/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
  if (request.headers.authorization !== "Bearer secret") return [401, "no bearer"];
  if (request.method === "POST" && request.url === "/call") {
    const call = JSON.parse(body);
    const known = description.components.schemas.CreateCallDTO.properties;
    const strange = Object.keys(call).filter((name) => !(name in known));
    if (takes(call) && strange.length === 0) return [201];
    return [400, JSON.stringify([strange, takes.errors]).slice(0, 2000)];
  }
  const asks = request.method === "GET" && uuid.test(request.url);
  return asks && description.paths["/call/{id}"].get ? [200] : [404, "no such path"];
}

/**
 * Holds our requests to Vapi's description by JSON Schema: its calls refer to some 400 schemas, at
 * which Prism takes minutes. Fields that the description does not know are refused. What is answered
 * is held to the description, too.
 */
async function holdVapi(port) {
  // An empty list of values, which the description has in places, is none.
  const description = JSON.parse(readFileSync(path.join(folder, "vapi.json"), "utf8"), (name, value) =>
    name === "enum" && value.length === 0 ? undefined : value);
  const ajv = checker(Ajv);
  ajv.addSchema({ $id: "vapi", components: description.components });
  const schema = (name) => ajv.compile({ $ref: `vapi#/components/schemas/${name}` });
  const [takes, gives] = [schema("CreateCallDTO"), schema("Call")];
  const call = vapiCall("63f61863-4a51-4f6b-86e1-46edebcf9356");
  const refused = gives(call) ? [] : [`our answer: ${ajv.errorsText(gives.errors)}`];
  // A check that takes anything would show nothing.
  if (takes({ assistantId: 7, customer: { number: ["+1"] } })) refused.push("nonsense is taken");
  const server = http.createServer(async (request, response) => {
    let body = "";
    for await (const piece of request) body += piece;
    const [status, fault] = judge(description, takes, request, body);
    if (fault) refused.push(`${request.method} ${request.url}: ${fault}`);
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(fault ? { message: fault } : call));
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  const code = await run(requests, ["vapi", `http://127.0.0.1:${port}`]);
  server.close();
  if (refused.length > 0) console.error(refused.join("\n"));
  return code === 0 && refused.length === 0;
}

/** Holds what we write in SWML to the schema that SignalWire publishes. */
async function holdSwml() {
  const ajv = checker(require("ajv/dist/2020"));
  const takes = ajv.compile(JSON.parse(readFileSync(path.join(folder, "SWMLObject.json"), "utf8")));
  const written = execFileSync(swml, { encoding: "utf8" }).trim().split("\n");
  const refused = written.filter((document) => !takes(JSON.parse(document)));
  for (const document of refused) {
    takes(JSON.parse(document));
    console.error(document, ajv.errorsText(takes.errors).slice(0, 2000));
  }
  console.log(`swml: ${written.length - refused.length} of ${written.length} documents taken`);
  const nonsense = { version: "1.0.0", sections: { main: [{ play: { address: "x" } }] } };
  return refused.length === 0 && !takes(nonsense);
}

function run(program, args) {
  return new Promise((resolve) =>
    spawn(program, args, { stdio: "inherit" }).on("close", resolve));
}

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
  const code = await run(requests, [name, url]);
  prism.kill();
  if (code !== 0) console.error(said.join("").split("\n").filter((l) => /✖|error|Violation/i.test(l)).join("\n"));
  return code === 0;
}

async function main() {
  let good = true;
  let whole = true;
  const skip = (what) => {
    whole = false;
    console.error(`== !! SKIPPED: ${what} is missing`);
  };
  let port = 4010;
  for (const [name, [file]] of Object.entries(descriptions)) {
    if (existsSync(path.join(folder, file))) good = (await hold(name, `${port++}`)) && good;
    else skip(file);
  }
  for (const [file, held] of [["vapi.json", () => holdVapi(port++)], ["SWMLObject.json", holdSwml]]) {
    if (existsSync(path.join(folder, file))) good = (await held()) && good;
    else skip(file);
  }
  process.exit(!good ? 1 : whole ? 0 : 75);
}

main();
