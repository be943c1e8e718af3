// The recorder's pages: filters apply when they change, a running experiment is followed, labels are given by keyboard.
"use strict";
(() => {
  for (const field of document.querySelectorAll("form.filters select, form.filters input[type=checkbox]")) {
    field.addEventListener("change", () => field.form.requestSubmit());
  }
  // Empty fields do not belong in the address.
  for (const form of document.querySelectorAll("form.filters, form.jump")) {
    form.addEventListener("formdata", (event) => {
      for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
    });
  }
  const all = document.querySelector("[data-all]");
  if (all) all.addEventListener("change", () => { for (const box of document.querySelectorAll("[name=run]")) box.checked = all.checked; });

  const linked = document.querySelector(".span.selected");
  if (linked && linked.previousElementSibling && linked.previousElementSibling.matches(".span")) linked.scrollIntoView({ block: "center" });

  // The page is read again when something changed, at most once a second, and its region is replaced.
  const live = document.getElementById("live");
  if (live && "EventSource" in window) {
    const source = new EventSource(live.dataset.live);
    let reading = false, again = false;
    const read = async () => {
      if (reading) { again = true; return; }
      reading = true;
      const answer = await fetch(location.href);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const region = page.getElementById("region");
      const busy = document.getElementById("region").querySelector("input:checked, input:focus, select:focus, details[open]");
      if (answer.ok && region && !busy) document.getElementById("region").replaceWith(document.adoptNode(region));
      await new Promise((go) => setTimeout(go, 1000));
      reading = false;
      if (again) { again = false; read(); }
    };
    source.addEventListener("progress", (event) => {
      const { runs, ended, errors } = JSON.parse(event.data);
      live.textContent = `running: ${ended} of ${runs} traces ended${errors ? `, ${errors} with an error` : ""}`;
      read();
    });
    source.addEventListener("end", () => { source.close(); live.textContent = "ended"; read(); });
  }

  // 1 and 0 rate the row that has the focus; Ctrl+Enter or Cmd+Enter sends the form.
  addEventListener("keydown", (event) => {
    const form = document.getElementById("label");
    if (!form) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); form.requestSubmit(); return; }
    const row = document.activeElement && document.activeElement.closest("[data-rate]");
    if (!row || event.ctrlKey || event.metaKey || event.altKey || document.activeElement.matches("input:not([type=radio]), textarea, select")) return;
    const choice = row.querySelector(`input[type=radio][data-score="${event.key}"]`);
    if (choice) { event.preventDefault(); choice.checked = true; choice.focus(); }
  });
})();
