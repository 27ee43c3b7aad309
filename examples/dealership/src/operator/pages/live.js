// Keeps the table of live calls up to date. Without this script the page shows what it was loaded with.
"use strict";

const table = document.getElementById("live");
if (table) {
  const connection = document.getElementById("connection");
  const events = new EventSource(table.dataset.events);
  // The server has escaped what people said.
  events.addEventListener("calls", (event) => { table.innerHTML = event.data; });
  events.addEventListener("open", () => { connection.textContent = "Up to date"; });
  events.addEventListener("error", () => {
    connection.textContent = "Not connected; this may be old. Trying again …";
  });
}
