"use strict";

// What the agent sends is played in order: pieces of text are spoken (or shown, without a voice),
// and a mark is reported back when everything before it was. The agent takes that as "heard".

const find = (id) => document.getElementById(id);
const [conversation, words, hearing, state] = ["conversation", "words", "hearing", "state"].map(find);
const [callButton, voiceButton, microphoneButton] = ["call", "voice", "microphone"].map(find);
const sendButton = find("say").querySelector("button");

const voice = window.speechSynthesis;
const HOPELESS = ["audio-capture", "language-not-supported", "network", "not-allowed", "service-not-allowed"];
const Recognition = window.SpeechRecognition || window.webkitSpeechRecognition;

let socket = null;
let speaks = Boolean(voice);
let listens = false;
let recognizer = null;
let failures = 0; // in a row, without a word between them

// ---- the conversation on the page

function line(kind, text = "") {
  conversation.querySelector(".hint")?.remove();
  const item = document.createElement("li");
  item.className = kind;
  item.textContent = text;
  conversation.append(item);
  toEnd();
  return item;
}

function toEnd() {
  conversation.scrollTop = conversation.scrollHeight;
}

// One piece of the agent's text: a heard and an unheard part.
function piece(parent, text) {
  const [heard, unheard] = ["heard", "unheard"].map((part) => {
    const span = document.createElement("span");
    span.className = part;
    parent.insertBefore(span, parent.querySelector(".latency"));
    return span;
  });
  const upTo = (end) => {
    heard.textContent = text.slice(0, end);
    unheard.textContent = text.slice(end);
  };
  upTo(0);
  toEnd();
  return { text, upTo };
}

// ---- playing what the agent sends

let queue = [];
let playing = null;
let epoch = 0; // what a stopped voice reports late belongs to an older one
let bubble = null; // { generation, item }
let asked = null; // when the caller's words went out

function enqueueText({ generation, text }) {
  if (bubble?.generation !== generation) {
    bubble = { generation, item: line("agent") };
    if (asked !== null) {
      const latency = document.createElement("span");
      latency.className = "latency";
      latency.textContent = `${Math.round(performance.now() - asked)} ms`;
      latency.title = "From your words to the first words of the answer";
      bubble.item.append(latency);
      asked = null;
    }
  }
  queue.push({ ...piece(bubble.item, text), item: bubble.item });
  play();
}

function play() {
  while (!playing && queue.length > 0) {
    const next = queue.shift();
    if (next.mark !== undefined) {
      send({ type: "mark", mark: next.mark });
    } else if (speaks && next.text.trim()) {
      speak(next);
    } else {
      next.upTo(next.text.length);
    }
  }
}

function speak(next) {
  playing = next;
  const mine = epoch;
  const utterance = new SpeechSynthesisUtterance(next.text);
  utterance.lang = "en-US";
  utterance.onboundary = ({ charIndex }) => mine === epoch && next.upTo(charIndex);
  const done = () => {
    if (mine !== epoch) return;
    next.upTo(next.text.length);
    playing = null;
    play();
  };
  utterance.onend = done;
  utterance.onerror = done; // a voice that fails leaves text that was shown
  voice.speak(utterance);
}

function clear() {
  epoch += 1;
  voice?.cancel();
  for (const unplayed of [playing, ...queue]) unplayed?.item?.classList.add("cut");
  // Marks that were not reached are not reported: what they stand for was not heard.
  queue = [];
  playing = null;
}

// ---- the caller's words

function send(message) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

let started = false;

function startSpeaking() {
  if (started) return;
  started = true;
  send({ type: "speech_started" });
}

function say(text) {
  started = false;
  hearing.textContent = "";
  if (!text.trim()) return;
  line("me", text.trim());
  asked = performance.now();
  send({ type: "final", text: text.trim() });
}

// Loudspeakers reach the microphone: what repeats the agent's own words is not the caller.
function isEcho(text) {
  if (!playing) return false;
  const plain = (said) => said.toLowerCase().match(/[a-z0-9']+/g) ?? [];
  const own = new Set(plain(playing.text));
  const said = plain(text);
  return said.filter((word) => own.has(word)).length >= said.length * 0.7;
}

function listen() {
  recognizer = new Recognition();
  recognizer.lang = "en-US";
  recognizer.continuous = true;
  recognizer.interimResults = true;
  recognizer.onresult = ({ resultIndex, results }) => {
    failures = 0;
    for (let at = resultIndex; at < results.length; at += 1) {
      const text = results[at][0].transcript;
      if (isEcho(text)) continue;
      startSpeaking();
      if (results[at].isFinal) {
        say(text);
      } else {
        hearing.textContent = text;
        send({ type: "interim", text });
      }
    }
  };
  recognizer.onerror = ({ error }) => {
    // Silence is no failure.
    if (error === "no-speech" || error === "aborted") return;
    failures += 1;
    if (failures > 1 || HOPELESS.includes(error)) {
      line("note", `The browser does not let this page listen (${error}). Please type.`);
      setListening(false);
    }
  };
  // Browsers end recognition after a pause; it goes on while the microphone is on.
  recognizer.onend = () => listens && recognizer.start();
  recognizer.start();
}

function setListening(on) {
  listens = on && Boolean(Recognition) && socket !== null;
  microphoneButton.setAttribute("aria-pressed", String(listens));
  if (listens) {
    failures = 0;
    listen();
  } else if (recognizer) {
    recognizer.onend = null;
    recognizer.abort();
    recognizer = null;
    hearing.textContent = "";
  }
}

function setVoice(on) {
  if (speaks && !on && playing) {
    const rest = [playing, ...queue];
    epoch += 1;
    voice.cancel();
    playing = null;
    queue = rest;
  }
  speaks = on && Boolean(voice);
  voiceButton.setAttribute("aria-pressed", String(speaks));
  play();
}

// ---- what happens beside the conversation

const tools = new Map();

function showEvent({ event }) {
  if (event.event === "tool_started") {
    tools.set(event.id, line("tool", `${event.name} …`));
  } else if (event.event === "tool_finished") {
    const took = Math.round(event.after.secs * 1000 + event.after.nanos / 1e6);
    const item = tools.get(event.id);
    if (item) item.textContent = `${event.name} ${took} ms`;
    tools.delete(event.id);
  } else if (event.event === "failed") {
    line("note", `A part of the call failed: ${event.leg} (${event.kind}).`);
  }
}

// ---- the call

const receive = {
  clear,
  event: showEvent,
  hang_up: () => hangUp("The agent hung up."),
  mark: ({ mark }) => { queue.push({ mark }); play(); },
  text: enqueueText,
  text_end: () => {},
  transfer: ({ to }) => line("note", `The call goes to ${to}.`),
};

function call() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  socket = new WebSocket(`${scheme}://${location.host}/talk`);
  state.textContent = "Connecting …";
  callButton.textContent = "Hang up";
  socket.onopen = () => {
    state.textContent = "Connected";
    for (const field of [words, sendButton]) field.disabled = false;
    words.focus();
  };
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    receive[message.type]?.(message);
  };
  socket.onclose = () => hangUp("The call is over.");
}

function hangUp(why) {
  if (!socket) return;
  send({ type: "hang_up" });
  socket.onclose = null;
  socket.close();
  socket = null;
  setListening(false);
  clear();
  bubble = null;
  asked = null;
  started = false;
  for (const field of [words, sendButton]) field.disabled = true;
  callButton.textContent = "Call";
  state.textContent = "Not connected";
  line("note", why);
}

callButton.addEventListener("click", () => (socket ? hangUp("You hung up.") : call()));
voiceButton.addEventListener("click", () => setVoice(!speaks));
microphoneButton.addEventListener("click", () => setListening(!listens));
words.addEventListener("input", () => words.value.trim() && startSpeaking());
find("say").addEventListener("submit", (submitted) => {
  submitted.preventDefault();
  startSpeaking();
  say(words.value);
  words.value = "";
});
document.addEventListener("keydown", ({ key }) => {
  if (key === "Escape" && playing) {
    send({ type: "speech_started" });
  }
});
window.addEventListener("pagehide", () => voice?.cancel());

if (voice) {
  voiceButton.hidden = false;
  setVoice(true);
}
if (Recognition) {
  microphoneButton.hidden = false;
  find("privacy").hidden = false;
}
