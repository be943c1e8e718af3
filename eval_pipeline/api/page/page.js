// Lists suites and cases, runs one or all, and shows the events as they come.
// Whatever a suite, a target or a judge wrote reaches the page through textContent only.
"use strict";

const at = (id) => document.getElementById(id);
const made = (tag, kind, text) => {
  const element = document.createElement(tag);
  if (kind) element.className = kind;
  if (text !== undefined && text !== null) element.textContent = String(text);
  return element;
};

let suites = [];
let running = null;
let writing = null;

async function start() {
  const answer = await fetch("/api/suites");
  suites = await answer.json();
  for (const suite of suites) {
    const option = made("option", "", suite.name);
    option.value = suite.name;
    at("suite").append(option);
  }
  at("suite").addEventListener("change", list);
  at("filter").addEventListener("input", list);
  at("run-all").addEventListener("click", () => run("/api/batch/stream", {}, "All cases"));
  at("stop").addEventListener("click", () => running && running.abort());
  list();
}

const chosen = () => suites.find((suite) => suite.name === at("suite").value);

function list() {
  const suite = chosen();
  const wanted = at("filter").value.toLowerCase();
  at("cases").replaceChildren();
  if (!suite) return;
  const count = `${suite.cases.length} cases`;
  at("about").textContent = suite.description ? `${suite.description} (${count})` : count;
  at("run-all").disabled = suite.cases.length === 0;
  for (const problem of suite.problems) at("cases").append(made("li", "problem", problem));
  for (const found of suite.cases) {
    if (!`${found.id} ${found.description || ""} ${found.tags.join(" ")}`.toLowerCase().includes(wanted)) continue;
    const button = made("button", "", found.id);
    button.type = "button";
    button.title = found.description || "";
    button.addEventListener("click", () => {
      for (const other of at("cases").querySelectorAll("button")) other.removeAttribute("aria-current");
      button.setAttribute("aria-current", "true");
      run("/api/eval/stream", { case_id: found.id }, found.id);
    });
    const item = made("li");
    item.append(button);
    at("cases").append(item);
  }
}

function status(kind, text) {
  at("status").className = kind;
  at("status").textContent = text;
  document.body.dataset.status = kind;
}

async function run(path, asked, title) {
  if (running) running.abort();
  const own = (running = new AbortController());
  writing = null;
  at("story").replaceChildren();
  at("title").textContent = title;
  at("stop").hidden = false;
  status("running", "running…");
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ suite: at("suite").value, ...asked }),
      signal: own.signal,
    });
    if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
    for await (const event of eventsOf(answer.body)) if (running === own) show(event);
    if (running === own && document.body.dataset.status === "running") status("error", "ended without a result");
  } catch (error) {
    if (running === own) own.signal.aborted ? status("error", "stopped") : show({ event: "error", message: error.message });
  } finally {
    if (running === own) at("stop").hidden = true;
  }
}

async function* eventsOf(body) {
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

function add(element) {
  const story = at("story");
  const atEnd = story.scrollHeight - story.scrollTop - story.clientHeight < 60;
  story.append(element);
  if (atEnd) story.scrollTop = story.scrollHeight;
  return element;
}

const json = (value) => JSON.stringify(value, null, 2);

const SHOWN = {
  user_input: (event) => add(made("div", "said user", event.content)),
  agent_response: (event) => {
    if (writing) writing.remove();
    writing = null;
    add(made("div", "said agent", event.content || "(no answer)"));
  },
  turn_event: (event) => turnEvent(event),
  assertion_result: (event) => {
    const mark = event.passed === true ? "✓" : event.passed === false ? "✗" : "?";
    const line = made("p", `check ${event.passed === true ? "passed" : event.passed === false ? "failed" : "error"}`, `${mark} ${event.name} `);
    const score = event.score === null || event.score === 0 || event.score === 1 ? "" : `${event.score.toFixed(2)} `;
    line.append(made("span", "why", score + (event.message || "")));
    add(line);
  },
  completed: (event) => status(event.status, event.score === null ? event.status : `${event.status} · score ${event.score.toFixed(2)}`),
  error: (event) => {
    add(made("div", "problem", event.message));
    status("error", "error");
  },
  batch_started: (event) => {
    const table = made("table");
    const head = made("tr");
    for (const name of ["case", "attempt", "status", "score", ""]) head.append(made("th", "", name));
    table.append(head);
    table.id = "results";
    table.dataset.total = event.total;
    add(table);
  },
  test_completed: (event) => {
    const row = made("tr");
    const score = event.score === null ? "" : event.score.toFixed(2);
    row.append(made("td", "", event.name), made("td", "", event.attempt), made("td", event.status, event.status));
    row.append(made("td", "", score), made("td", "", event.message));
    at("results").append(row);
    status("running", `${event.index + 1} of ${at("results").dataset.total}`);
  },
  batch_completed: (event) => status(event.passed === event.total ? "passed" : "failed", `${event.passed} of ${event.total} passed`),
};

function turnEvent(event) {
  if (event.type === "token") {
    if (!writing) writing = add(made("div", "said agent writing", ""));
    writing.textContent += event.content;
  } else if (event.type === "tool_call" || event.type === "tool_result") {
    const call = event.type === "tool_call";
    const details = made("details", "event");
    details.append(made("summary", "", `${call ? "→" : "←"} ${event.name || ""}`));
    details.append(made("pre", "", call ? json(event.args) : typeof event.content === "string" ? event.content : json(event.content)));
    add(details);
  } else if (event.type === "handoff") {
    add(made("p", "event", `⇢ ${event.from} hands off to ${event.to}`));
  } else if (event.type === "interrupt") {
    add(made("p", "event", `? ${event.content} · answered ${JSON.stringify(event.answer)}`));
  } else if (event.type === "simulation_ended") {
    add(made("p", "event", `the user left: ${event.ended} (${event.content})`));
  } else if (event.type === "usage") {
    add(made("p", "event", `${event.input_tokens} tokens in, ${event.output_tokens} out`));
  } else {
    add(made("p", "event", `${event.type} ${event.content || ""}`));
  }
}

function show(event) {
  const shown = SHOWN[event.event];
  if (shown) shown(event);
}

start();
