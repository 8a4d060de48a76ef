"use strict";
// What a report gains from scripts; without them text, contents, tables and figures are plain and whole.
// This file holds what the other ones use.
const main = document.querySelector("main");
const words = main.dataset;
const narrow = matchMedia("screen and (max-width: 43.99rem)");

const create = (name, text = "", attributes = {}) => {
  const element = document.createElement(name);
  element.textContent = text;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
};

const button = (text, attributes = {}) => create("button", text, { type: "button", ...attributes });

// A button that shows a sign; its name is for screen readers and, as a hint, for a mouse.
const sign = (shown, name, className) => {
  const made = button("", { class: className, title: name });
  made.append(create("span", shown, { "aria-hidden": "true" }), create("span", name, { class: "unseen" }));
  return made;
};

const oneLine = (text) => text.replace(/\s+/g, " ").trim();

// The element that an address like "#tab-runs" names, or null.
const named = (address) => {
  try {
    return document.getElementById(decodeURIComponent(address.slice(1)));
  } catch {
    return null; // an address that is not well-formed
  }
};

// What was done, shown for a moment and read aloud.
const notice = create("div", "", { class: "notice", role: "status" });
document.body.append(notice);
let silence;
const say = (text) => {
  notice.textContent = text;
  clearTimeout(silence);
  silence = setTimeout(() => (notice.textContent = ""), 2500);
};

// Place of the controls that concern the whole page.
const tools = create("div", "", { class: "tools" });
document.querySelector("header").append(tools);

// Frames that scroll can be reached by keyboard; those that need not scroll are no tab stops.
{
  const resized = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) target.setAttribute("tabindex", "0");
      else target.removeAttribute("tabindex");
    }
  });
  main.querySelectorAll(".scroll, pre").forEach((frame) => resized.observe(frame));
}
