// A call between our phone simulator and the Twilio handler of OpenAI's agents, whose model is
// scripted here: it answers half a second of speech with three seconds of it.

const { spawn } = require("node:child_process");
const { WebSocketServer } = require("ws");
const { TwilioRealtimeTransportLayer } = require("@openai/agents-extensions");

const [, , peer] = process.argv;
const LOUD = 0x60; // The bits of mu-law below the sign, of which zeros are loud.

function listen(onSocket) {
  return new Promise((resolve) => {
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
    server.on("connection", onSocket);
    server.on("listening", () => resolve(`ws://127.0.0.1:${server.address().port}/`));
  });
}

let truncated;

function model(socket) {
  let number = 0;
  const say = (type, event = {}) =>
    socket.send(JSON.stringify({ type, event_id: `event_${(number += 1)}`, ...event }));
  let speech = Buffer.alloc(0);
  say("session.created", { session: { type: "realtime" } });
  socket.on("message", (text) => {
    const event = JSON.parse(text);
    if (event.type === "session.update") {
      say("session.updated", { session: event.session });
    } else if (event.type === "conversation.item.truncate") {
      truncated = event.audio_end_ms;
    } else if (event.type === "input_audio_buffer.append" && speech.length < 4_000) {
      const audio = Buffer.from(event.audio, "base64");
      if (!audio.some((sample) => (sample & LOUD) !== LOUD)) return;
      speech = Buffer.concat([speech, audio]);
      if (speech.length >= 4_000) answer(say, speech.subarray(0, 800).toString("base64"));
    }
  });
}

function answer(say, delta) {
  const [response_id, item_id] = ["resp_1", "item_1"];
  const part = { response_id, item_id, output_index: 0, content_index: 0 };
  const response = { id: response_id, object: "realtime.response", output: [] };
  say("response.created", { response: { ...response, status: "in_progress" } });
  for (let piece = 0; piece < 30; piece += 1) say("response.output_audio.delta", { ...part, delta });
  say("response.output_audio.done", part);
  say("response.done", { response: { ...response, status: "completed" } });
}

async function main() {
  const url = await listen(model);
  const phone = await listen(async (socket) => {
    const layer = new TwilioRealtimeTransportLayer({ twilioWebSocket: socket });
    layer.on("error", ({ error }) => console.error(error));
    layer.on("*", ({ type, message }) => {
      if (type === "twilio_message" && message.event === "dtmf") layer.interrupt();
    });
    await layer.connect({ apiKey: "none", url, model: "scripted" });
  });
  const call = spawn(peer, ["call", "twilio", phone], { stdio: ["ignore", "pipe", "inherit"] });
  let told = "";
  call.stdout.on("data", (text) => (told += text));
  call.on("close", (code) => {
    const cut = truncated > 0 && truncated < 3_000;
    if (cut) console.log(`twilio, OpenAI's agents: ${told.trim()}; cut at ${truncated} ms`);
    else console.error(`nothing was cut: ${truncated}`);
    process.exit(code === 0 && cut ? 0 : 1);
  });
}

main();
