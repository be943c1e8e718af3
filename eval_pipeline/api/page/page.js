// Lists suites and cases, evaluates one case or all, and shows the events as they arrive.
// Text of suites, targets and judges is only ever set as textContent.
"use strict";

const byId = (id) => document.getElementById(id);
const make = (tag, className, text) => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined && text !== null) element.textContent = String(text);
  return element;
};

let suites = [];
let running = null; // the AbortController of the evaluation in progress
let streaming = null; // the element of the answer that is being written

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
  byId("run-all").addEventListener("click", () => evaluate("/api/batch/stream", {}, "All cases"));
  byId("stop").addEventListener("click", () => running && running.abort());
  listCases();
}

function listCases() {
  const suite = suites.find((one) => one.name === byId("suite").value);
  const query = byId("filter").value.toLowerCase();
  byId("cases").replaceChildren();
  if (!suite) return;
  const count = `${suite.cases.length} cases`;
  byId("about").textContent = suite.description ? `${suite.description} (${count})` : count;
  byId("run-all").disabled = suite.cases.length === 0;
  for (const problem of suite.problems) byId("cases").append(make("li", "problem", problem));
  for (const one of suite.cases) {
    if (!`${one.id} ${one.description || ""} ${one.tags.join(" ")}`.toLowerCase().includes(query)) continue;
    const button = make("button", "", one.id);
    button.type = "button";
    button.title = one.description || "";
    button.addEventListener("click", () => {
      for (const other of byId("cases").querySelectorAll("button")) other.removeAttribute("aria-current");
      button.setAttribute("aria-current", "true");
      evaluate("/api/eval/stream", { case_id: one.id }, one.id);
    });
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
    for await (const event of serverSentEvents(response.body)) if (running === own) show(event);
    if (running === own && document.body.dataset.status === "running") setStatus("error", "ended without a result");
  } catch (error) {
    if (running === own) own.signal.aborted ? setStatus("error", "stopped") : show({ event: "error", message: error.message });
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

const json = (value) => JSON.stringify(value, null, 2);

const RENDERERS = {
  user_input: (event) => {
    const message = append(make("div", "message user", "input" in event ? "" : event.content));
    if ("input" in event) message.append(valueView(event.input));
  },
  agent_response: (event) => {
    if (streaming) streaming.remove();
    streaming = null;
    const message = append(make("div", "message agent", event.content || ("outputs" in event ? "" : "(no answer)")));
    if ("outputs" in event) {
      const details = make("details");
      details.append(make("summary", "", "Outputs"), valueView(event.outputs));
      message.append(details);
    }
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
    const head = make("tr");
    for (const name of ["case", "attempt", "status", "score", ""]) head.append(make("th", "", name));
    table.append(head);
    table.id = "results";
    table.dataset.total = event.total;
    append(table);
  },
  test_completed: (event) => {
    const row = make("tr");
    const score = event.score === null ? "" : event.score.toFixed(2);
    row.append(make("td", "", event.name), make("td", "", event.attempt), make("td", event.status, event.status));
    row.append(make("td", "", score), make("td", "", event.message));
    byId("results").append(row);
    setStatus("running", `${event.index + 1} of ${byId("results").dataset.total}`);
  },
  batch_completed: (event) => setStatus(event.passed === event.total ? "passed" : "failed", `${event.passed} of ${event.total} passed`),
};

function showTurnEvent(event) {
  if (event.type === "token") {
    if (!streaming) streaming = append(make("div", "message agent streaming", ""));
    streaming.textContent += event.content;
  } else if (event.type === "tool_call" || event.type === "tool_result") {
    const call = event.type === "tool_call";
    const details = make("details", "event");
    details.append(make("summary", "", `${call ? "→" : "←"} ${event.name || ""}`));
    details.append(make("pre", "", call ? json(event.args) : typeof event.content === "string" ? event.content : json(event.content)));
    append(details);
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

function show(event) {
  const render = RENDERERS[event.event];
  if (render) render(event);
}

start();
