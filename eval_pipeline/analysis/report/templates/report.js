// The list of attempts that did not pass. Only visible entries are in the document; a transcript is unpacked when its
// attempt is selected. A conversation is HTML in which the renderer of all pages escaped every text; other texts of agents
// are written with textContent only.
"use strict";
(() => {
  const ENTRY = 54, CHUNK = 40, SPARE = 8;
  const byId = (id) => document.getElementById(id);
  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined && text !== null) element.textContent = text;
    return element;
  };
  const unpacked = new Map();
  const unpack = (id) => {
    if (!unpacked.has(id)) {
      unpacked.set(id, (async () => {
        const bytes = Uint8Array.from(atob(byId(id).textContent), (letter) => letter.charCodeAt(0));
        const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
        return JSON.parse(await new Response(stream).text());
      })());
    }
    return unpacked.get(id);
  };
  // Chunks come after this script in the page.
  const ready = document.readyState === "loading" ? new Promise((go) => addEventListener("DOMContentLoaded", go, { once: true })) : Promise.resolve();
  const regressed = new Set(JSON.parse(byId("regressed").textContent));
  const list = byId("list"), all = byId("all"), detail = byId("detail");
  let entries = [], shown = [], chosen = null, repeated = false;

  const entryOf = (attemptRow, position) => {
    const [id, attempt, status, split, why] = attemptRow;
    const entry = make("div", "entry");
    entry.setAttribute("role", "option");
    entry.setAttribute("aria-selected", String(attemptRow === chosen));
    entry.style.top = `${position * ENTRY}px`;
    const name = make("b");
    name.append(make("i", status), repeated ? `${id} · ${attempt}` : id);
    entry.append(name, make("span", "", why || split));
    entry.addEventListener("click", () => choose(attemptRow));
    return entry;
  };
  const draw = () => {
    const first = Math.max(0, Math.floor(list.scrollTop / ENTRY) - SPARE);
    const last = Math.min(shown.length, Math.ceil((list.scrollTop + list.clientHeight) / ENTRY) + SPARE);
    all.style.height = `${shown.length * ENTRY}px`;
    all.replaceChildren(...shown.slice(first, last).map((row, index) => entryOf(row, first + index)));
  };
  const filter = () => {
    const text = byId("find").value.toLowerCase(), only = byId("only").value;
    shown = entries.filter(([id, , status, split, why]) =>
      (!only || (only === "regressed" ? regressed.has(id) : status === only)) &&
      (!text || `${id} ${split} ${why}`.toLowerCase().includes(text)));
    byId("shown").textContent = `${shown.length} of ${entries.length}`;
    list.scrollTop = 0;
    draw();
  };

  const check = (result) => {
    const line = make("div", "check");
    const verdict = result.error ? ["error", "error"] : result.passed === false ? ["failed", "✗"] : result.passed ? ["passed", "✓"] : ["soft", "·"];
    const name = result.turn === null ? result.name : `${result.name} (turn ${result.turn + 1})`;
    const score = result.label || (result.score === null ? "" : result.score.toFixed(2));
    line.append(make("span", verdict[0], verdict[1]), make("b", "", name), make("span", "soft", score), make("p", "", result.error || result.message));
    return line;
  };
  const show = async (row) => {
    const [id, attempt, status, split, why, chunk, position] = row;
    const head = make("h3", "", repeated ? `${id} · attempt ${attempt}` : id);
    if (chunk < 0) return [head, make("p", "soft", why), make("p", "soft", "The transcript is in the result log only.")];
    await ready;
    const it = (await unpack(`c${chunk}`))[position];
    const facts = [status, `split ${split}`, ...it.tags.map((tag) => `tag ${tag}`), `${it.latency_s.toFixed(2)} s`];
    if (it.tokens) facts.push(`${it.tokens} tokens`);
    if (it.cost_usd !== null) facts.push(`$${it.cost_usd.toPrecision(3)}`);
    if (it.score !== null) facts.push(`score ${it.score.toFixed(2)}`);
    const line = make("p", "soft", facts.join(" · "));
    if (it.trace) {
      const link = make("a", "", "trace");
      link.href = it.trace;
      line.append(" · ", link);
    }
    const parts = [head, line, make("h4", "", "Conversation")];
    const conversation = make("div");
    conversation.innerHTML = it.conversation;
    parts.push(conversation);
    if (it.error) parts.push(make("h4", "", "Error"), make("p", "error", `${it.error.name}: ${it.error.message}`), make("pre", "", it.error.traceback));
    if (it.assertions.length) parts.push(make("h4", "", "Assertions"), ...it.assertions.map(check));
    if (it.documents.length) {
      parts.push(make("h4", "", "Shared documents"));
      for (const [number, score] of it.documents) {
        const document_ = (await unpack(`d${Math.floor(number / CHUNK)}`))[number % CHUNK];
        const folded = make("details");
        folded.append(make("summary", "", `${document_.id} · ${score}`), make("p", "document", document_.text));
        parts.push(folded);
      }
    }
    return parts;
  };
  const choose = async (row) => {
    chosen = row;
    history.replaceState(null, "", `#case=${encodeURIComponent(row[0])}&attempt=${row[1]}`);
    draw();
    const parts = await show(row);
    if (chosen !== row) return;
    detail.replaceChildren(...parts);
    detail.scrollTop = 0;
    if (matchMedia("(max-width: 46rem)").matches) detail.scrollIntoView({ behavior: "smooth" });
  };
  const follow = () => {
    const target = new URLSearchParams(location.hash.slice(1));
    if (!target.get("case")) return;
    const row = entries.find(([id, attempt]) => id === target.get("case") && (!target.get("attempt") || String(attempt) === target.get("attempt")));
    byId("failures").scrollIntoView();
    if (!row) {
      detail.replaceChildren(make("p", "passed", `Every attempt at ${target.get("case")} passed.`));
      return;
    }
    if (!shown.includes(row)) { byId("find").value = ""; byId("only").value = ""; filter(); }
    list.scrollTop = Math.max(0, shown.indexOf(row) * ENTRY - list.clientHeight / 2);
    choose(row);
  };

  if (typeof DecompressionStream === "undefined") return;
  document.documentElement.classList.add("scripted");
  byId("browser").hidden = false;
  let waiting = false;
  list.addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  });
  list.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !shown.length) return;
    event.preventDefault();
    const next = Math.min(shown.length - 1, Math.max(0, shown.indexOf(chosen) + step));
    if (next * ENTRY < list.scrollTop) list.scrollTop = next * ENTRY;
    if ((next + 1) * ENTRY > list.scrollTop + list.clientHeight) list.scrollTop = (next + 1) * ENTRY - list.clientHeight;
    choose(shown[next]);
  });
  byId("find").addEventListener("input", filter);
  byId("only").addEventListener("change", filter);
  addEventListener("hashchange", follow);
  addEventListener("resize", draw);
  unpack("index").then((index) => {
    entries = index;
    repeated = entries.some(([, attempt]) => attempt > 1);
    filter();
    follow();
  });
})();
