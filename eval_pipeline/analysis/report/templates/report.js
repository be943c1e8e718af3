// The list of attempts that did not pass: only the entries in sight are in the document, and a transcript is unpacked
// when it is looked at. What agents said is only ever written as text.
"use strict";
(() => {
  const ENTRY = 54, CHUNK = 40, SPARE = 8;
  const byId = (id) => document.getElementById(id);
  const make = (tag, className, text) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined && text !== null) made.textContent = text;
    return made;
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
  // Chunks stand after this script: wait for the page before looking for one.
  const ready = document.readyState === "loading" ? new Promise((go) => addEventListener("DOMContentLoaded", go, { once: true })) : Promise.resolve();
  const regressed = new Set(JSON.parse(byId("regressed").textContent));
  const list = byId("list"), all = byId("all"), detail = byId("detail");
  let entries = [], shown = [], chosen = null, repeated = false;

  const entryOf = (found, place) => {
    const [id, attempt, status, split, why] = found;
    const entry = make("div", "entry");
    entry.setAttribute("role", "option");
    entry.setAttribute("aria-selected", String(found === chosen));
    entry.style.top = `${place * ENTRY}px`;
    const name = make("b");
    name.append(make("i", status), repeated ? `${id} · ${attempt}` : id);
    entry.append(name, make("span", "", why || split));
    entry.addEventListener("click", () => choose(found));
    return entry;
  };
  const draw = () => {
    const first = Math.max(0, Math.floor(list.scrollTop / ENTRY) - SPARE);
    const last = Math.min(shown.length, Math.ceil((list.scrollTop + list.clientHeight) / ENTRY) + SPARE);
    all.style.height = `${shown.length * ENTRY}px`;
    all.replaceChildren(...shown.slice(first, last).map((found, index) => entryOf(found, first + index)));
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

  const call = (event) => {
    const made = make("div", "call");
    const sign = { tool_call: "→ ", tool_result: "← ", handoff: "⇒ ", error: "✗ " }[event.type] || "";
    made.append(sign, make("b", "", event.name || event.type), " ", event.args || event.content || event.data || "");
    return made;
  };
  const check = (found) => {
    const made = make("div", "check");
    const verdict = found.error ? ["error", "broke"] : found.passed === false ? ["failed", "✗"] : found.passed ? ["passed", "✓"] : ["soft", "·"];
    const name = found.turn === null ? found.name : `${found.name} (turn ${found.turn + 1})`;
    const score = found.label || (found.score === null ? "" : found.score.toFixed(2));
    made.append(make("span", verdict[0], verdict[1]), make("b", "", name), make("span", "soft", score), make("p", "", found.error || found.message));
    return made;
  };
  const show = async (found) => {
    const [id, attempt, status, split, why, chunk, place] = found;
    const head = make("h3", "", repeated ? `${id} · attempt ${attempt}` : id);
    if (chunk < 0) return [head, make("p", "soft", why), make("p", "soft", "The transcript is in the result log only.")];
    await ready;
    const it = (await unpack(`c${chunk}`))[place];
    const facts = [status === "error" ? "broke" : status, `split ${split}`, ...it.tags.map((tag) => `tag ${tag}`), `${it.latency_s.toFixed(2)} s`];
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
    for (const turn of it.turns) {
      if (turn.in) parts.push(make("div", "message user", turn.in));
      parts.push(...turn.events.map(call));
      if (turn.out) parts.push(make("div", "message agent", turn.out));
    }
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
  const choose = async (found) => {
    chosen = found;
    history.replaceState(null, "", `#case=${encodeURIComponent(found[0])}&attempt=${found[1]}`);
    draw();
    const parts = await show(found);
    if (chosen !== found) return;
    detail.replaceChildren(...parts);
    detail.scrollTop = 0;
    if (matchMedia("(max-width: 46rem)").matches) detail.scrollIntoView({ behavior: "smooth" });
  };
  const follow = () => {
    const wanted = new URLSearchParams(location.hash.slice(1));
    if (!wanted.get("case")) return;
    const found = entries.find(([id, attempt]) => id === wanted.get("case") && (!wanted.get("attempt") || String(attempt) === wanted.get("attempt")));
    byId("failures").scrollIntoView();
    if (!found) {
      detail.replaceChildren(make("p", "passed", `Every attempt at ${wanted.get("case")} passed.`));
      return;
    }
    if (!shown.includes(found)) { byId("find").value = ""; byId("only").value = ""; filter(); }
    list.scrollTop = Math.max(0, shown.indexOf(found) * ENTRY - list.clientHeight / 2);
    choose(found);
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
  unpack("index").then((found) => {
    entries = found;
    repeated = entries.some(([, attempt]) => attempt > 1);
    filter();
    follow();
  });
})();
