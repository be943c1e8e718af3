// Lists suites and cases, evaluates one case or all, and shows the events as they arrive.
// Conversations come from the server as HTML; other text of suites, targets and judges is set as textContent. The suite
// and the case are in the address: #suite=…&case=….
"use strict";

const byId = (id) => document.getElementById(id);
const make = (tag, className, text) => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined && text !== null) element.textContent = String(text);
  return element;
};

const FEW = 10; // cases that one click evaluates
let suites = [];
let running = null; // the AbortController of the evaluation in progress
let streaming = null; // the element of the answer that is being written
let calls = []; // tool calls without a result, with their elements

async function start() {
  const response = await fetch("/api/suites");
  suites = await response.json();
  for (const suite of suites) {
    const option = make("option", "", suite.name);
    option.value = suite.name;
    byId("suite").append(option);
  }
  byId("suite").addEventListener("change", listCases);
  byId("filter").addEventListener("input", listCases);
  byId("run-all").addEventListener("click", () => {
    // Many cases cost money: they need a second click.
    const suite = suites.find((one) => one.name === byId("suite").value), button = byId("run-all");
    const sure = `Click again to evaluate ${suite.cases.length} cases`;
    if (suite.cases.length > FEW && button.textContent !== sure) {
      button.textContent = sure;
      return;
    }
    button.textContent = "Evaluate all cases";
    evaluate("/api/batch/stream", {}, "All cases");
  });
  byId("stop").addEventListener("click", () => running && running.abort());
  const target = new URLSearchParams(location.hash.slice(1));
  if (target.get("suite")) byId("suite").value = target.get("suite");
  listCases();
  const linked = [...byId("cases").querySelectorAll("button")].find((button) => button.textContent === target.get("case"));
  if (linked) linked.focus();
}

// Evaluations cost money: a link selects a case, and a click evaluates it.
function evaluateCase(id) {
  for (const button of byId("cases").querySelectorAll("button")) {
    if (button.textContent === id) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
  history.replaceState(null, "", `#${new URLSearchParams({ suite: byId("suite").value, case: id })}`);
  evaluate("/api/eval/stream", { case_id: id }, id);
}

function listCases() {
  const suite = suites.find((one) => one.name === byId("suite").value);
  const query = byId("filter").value.toLowerCase();
  byId("cases").replaceChildren();
  if (!suite) return;
  const count = `${suite.cases.length} cases`;
  byId("about").textContent = suite.description ? `${suite.description} (${count})` : count;
  byId("run-all").textContent = "Evaluate all cases";
  byId("run-all").disabled = suite.cases.length === 0;
  for (const problem of suite.problems) byId("cases").append(make("li", "problem", problem));
  for (const one of suite.cases) {
    if (!`${one.id} ${one.description || ""} ${one.tags.join(" ")}`.toLowerCase().includes(query)) continue;
    const button = make("button", "", one.id);
    button.type = "button";
    button.title = one.description || "";
    button.dataset.keyItem = "";
    button.addEventListener("click", () => evaluateCase(one.id));
    const item = make("li");
    item.append(button);
    byId("cases").append(item);
  }
}

function setStatus(kind, text) {
  byId("status").className = kind;
  byId("status").textContent = text;
  document.body.dataset.status = kind;
}

async function evaluate(path, request, title) {
  if (running) running.abort();
  const own = (running = new AbortController());
  streaming = null;
  calls = [];
  byId("events").replaceChildren();
  byId("title").textContent = title;
  byId("stop").hidden = false;
  setStatus("running", "running…");
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ suite: byId("suite").value, ...request }),
      signal: own.signal,
    });
    if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
    for await (const event of serverSentEvents(response.body)) if (running === own) await show(event);
    if (running === own && document.body.dataset.status === "running") setStatus("error", "ended without a result");
  } catch (error) {
    if (running === own) own.signal.aborted ? setStatus("error", "stopped") : await show({ event: "error", message: error.message });
  } finally {
    if (running === own) byId("stop").hidden = true;
  }
}

async function* serverSentEvents(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const data = block.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6));
      if (data.length) yield JSON.parse(data.join("\n"));
    }
  }
}

function append(element) {
  const list = byId("events");
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
  list.append(element);
  if (atEnd) list.scrollTop = list.scrollHeight;
  return element;
}

// Text that is an input as a whole is shown as text.
const asTurn = (value) => (typeof value === "string" ? [{ role: "user", content: value }] : value);

// A turn, or a part of one, as HTML from the server, in which the renderer of all pages escaped every text.
async function shown(turn) {
  const response = await fetch("/shown", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(turn) });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  const element = make("div", "part");
  element.innerHTML = await response.text();
  return element;
}

const RENDERERS = {
  user_input: async (event) => append(await shown("input" in event ? { inputs: asTurn(event.input) } : { input: event.content })),
  agent_response: async (event) => {
    const turn = { response: event.content || ("outputs" in event ? "" : "(no answer)") };
    if ("outputs" in event) turn.outputs = event.outputs;
    const answer = await shown(turn);
    if (streaming) streaming.remove();
    streaming = null;
    append(answer);
  },
  turn_event: (event) => showTurnEvent(event),
  assertion_result: (event) => {
    const [kind, mark] = event.passed === true ? ["passed", "✓"] : event.passed === false ? ["failed", "✗"] : ["error", "?"];
    const line = make("p", `assertion ${kind}`, `${mark} ${event.name} `);
    const score = event.score === null || event.score === 0 || event.score === 1 ? "" : `${event.score.toFixed(2)} `;
    line.append(make("span", "reason", score + (event.message || "")));
    append(line);
  },
  completed: (event) => setStatus(event.status, event.score === null ? event.status : `${event.status} · score ${event.score.toFixed(2)}`),
  error: (event) => {
    append(make("div", "problem", event.message));
    setStatus("error", "error");
  },
  batch_started: (event) => {
    const table = make("table");
    const head = make("thead"), names = make("tr");
    for (const name of ["case", "attempt", "status", "score", "reason"]) {
      const cell = make("th", "", name);
      cell.scope = "col";
      names.append(cell);
    }
    head.append(names);
    table.append(head, make("tbody", "failed-first"), make("tbody", ""));
    table.id = "results";
    table.dataset.total = event.total;
    append(table);
  },
  test_completed: (event) => {
    const row = make("tr");
    const score = event.score === null ? "" : event.score.toFixed(2);
    const name = make("td"), again = make("button", "link", event.name);
    again.type = "button";
    again.title = "Evaluate this case and show it live";
    again.addEventListener("click", () => evaluateCase(event.name));
    name.append(again);
    row.append(name, make("td", "", event.attempt), make("td", event.status, event.status));
    row.append(make("td", "", score), make("td", "", event.message));
    byId("results").tBodies[event.status === "passed" ? 1 : 0].append(row);
    setStatus("running", `${event.index + 1} of ${byId("results").dataset.total}`);
  },
  batch_completed: (event) => setStatus(event.passed === event.total ? "passed" : "failed", `${event.passed} of ${event.total} passed`),
};

async function showTurnEvent(event) {
  if (event.type === "token") {
    if (!streaming) streaming = append(make("div", "message agent streaming", ""));
    streaming.textContent += event.content;
  } else if (event.type === "tool_call") {
    const element = append(await shown({ events: [event] }));
    calls.push({ event, element });
  } else if (event.type === "tool_result") {
    const at = calls.findIndex(({ event: call }) => (event.id ?? null) === (call.id ?? null) && (event.id ? true : event.name === call.name));
    const [call] = at < 0 ? [] : calls.splice(at, 1);
    const element = await shown({ events: call ? [call.event, event] : [event] });
    if (call) call.element.replaceWith(element);
    else append(element);
  } else if (event.type === "handoff") {
    append(make("p", "event", `⇢ ${event.from} hands off to ${event.to}`));
  } else if (event.type === "interrupt") {
    append(make("p", "event", `? ${event.content} · answered ${JSON.stringify(event.answer)}`));
  } else if (event.type === "simulation_ended") {
    append(make("p", "event", `simulated user ended the conversation: ${event.ended} (${event.content})`));
  } else if (event.type === "usage") {
    append(make("p", "event", `${event.input_tokens} tokens in, ${event.output_tokens} out`));
  } else {
    append(make("p", "event", `${event.type} ${event.content || ""}`));
  }
}

async function show(event) {
  const render = RENDERERS[event.event];
  if (render) await render(event);
}

start();
