// Keyboard for every page: j and k or the arrows move through what has data-key-item, Enter opens it, / goes to the
// search field, n and p turn pages, ? lists the keys. Keys typed into fields are the field's.
"use strict";
(() => {
  const items = () => [...document.querySelectorAll("[data-key-item]")].filter((item) => item.offsetParent !== null);
  const FIELDS = "a, summary, button, input:not([type=hidden])";
  const target = (item) => (item.matches(FIELDS) ? item : item.querySelector("input:checked") || item.querySelector(`a, ${FIELDS}`) || item);
  const typing = (element) => element.matches("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable], [role=listbox]");
  const move = (step) => {
    const all = items();
    if (!all.length) return false;
    const at = all.findIndex((item) => item.contains(document.activeElement));
    const next = all[Math.min(all.length - 1, Math.max(0, at < 0 ? (step > 0 ? 0 : all.length - 1) : at + step))];
    target(next).focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
    return true;
  };
  const follow = (name) => {
    const link = document.querySelector(`[data-key="${name}"]`);
    if (link) link.click();
    return Boolean(link);
  };
  const help = () => {
    const dialog = document.getElementById("keys");
    if (!dialog) return false;
    dialog.open ? dialog.close() : dialog.showModal();
    return true;
  };
  const search = () => {
    const field = document.querySelector("[data-key-search]");
    if (field) field.focus();
    return Boolean(field);
  };
  const KEYS = { j: () => move(1), ArrowDown: () => move(1), k: () => move(-1), ArrowUp: () => move(-1), "/": search, "?": help };
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const element = document.activeElement || document.body;
    if (typing(element)) {
      if (event.key === "Escape") element.blur();
      return;
    }
    // Arrows scroll a page until an item has the focus.
    if (event.key.startsWith("Arrow") && !items().some((item) => item.contains(element))) {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") return;
    }
    const done = Object.hasOwn(KEYS, event.key) ? KEYS[event.key]() : event.key.length === 1 || event.key.startsWith("Arrow") ? follow(event.key) : false;
    if (done) event.preventDefault();
  });
})();
