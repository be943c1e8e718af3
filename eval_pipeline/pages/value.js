// valueView(value): an input or output as elements. Mappings are shown as mappings, messages as a conversation, images
// that stand in the data as images, and everything that has an address as text: a page fetches nothing.
"use strict";
const valueView = (() => {
  const LONGEST = 20000;
  const IMAGE = /^data:image\/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]+$/;
  const ROLES = { user: "user", human: "user", assistant: "agent", ai: "agent", model: "agent" };
  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined && text !== null) element.textContent = text.length > LONGEST ? `${text.slice(0, LONGEST)}… (${text.length - LONGEST} characters more)` : text;
    return element;
  };
  const isMapping = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
  const imageOf = (value) => {
    if (typeof value === "string") return IMAGE.test(value) ? value : null;
    if (!isMapping(value) || !/image/.test(String(value.type))) return null;
    const url = value.image_url && value.image_url.url || value.image_url || value.url;
    const data = value.base64 || value.data || value.source && value.source.data;
    const type = value.mime_type || value.source && value.source.media_type || "image/png";
    const source = typeof url === "string" ? url : typeof data === "string" ? `data:${type};base64,${data}` : "";
    return IMAGE.test(source) ? source : null;
  };
  const roleOf = (value) => isMapping(value) && "content" in value && (value.role || (value.type in ROLES || value.type === "system" || value.type === "tool") && value.type);
  const message = (value) => {
    const role = String(value.role || value.type);
    const element = make("div", `message ${ROLES[role] || "other"}`);
    if (!ROLES[role]) element.append(make("b", "soft", role), " ");
    element.append(typeof value.content === "string" || value.content === null ? value.content || "" : view(value.content));
    for (const call of value.tool_calls || []) {
      const named = call.function || call;
      element.append(make("div", "call", `→ ${named.name} ${typeof named.arguments === "string" ? named.arguments : JSON.stringify(named.args || named.arguments || {})}`));
    }
    return element;
  };
  const view = (value, depth = 0) => {
    const source = imageOf(value);
    if (source) {
      const image = make("img", "value");
      image.src = source;
      image.alt = "image";
      return image;
    }
    if (roleOf(value)) return message(value);
    if (isMapping(value) && typeof value.text === "string" && value.type === "text") return make("div", "text", value.text);
    if (Array.isArray(value) && value.length && depth < 6) {
      const list = make(value.every((item) => roleOf(item) || isMapping(item) && item.type) ? "div" : "ol", "value");
      for (const item of value) {
        const place = list.tagName === "OL" ? make("li") : list;
        place.append(view(item, depth + 1));
        if (place !== list) list.append(place);
      }
      return list;
    }
    if (isMapping(value) && Object.keys(value).length && depth < 6) {
      const list = make("dl", "value");
      for (const [key, item] of Object.entries(value)) {
        const row = make("div");
        const shown = make("dd");
        shown.append(view(item, depth + 1));
        row.append(make("dt", "", key), shown);
        list.append(row);
      }
      return list;
    }
    return typeof value === "string" ? make("div", "text", value) : make("code", "", JSON.stringify(value));
  };
  return view;
})();
