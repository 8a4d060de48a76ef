"use strict";
// What a report gains from a script; without it contents, tables and figures are plain and whole.
(() => {
  const main = document.querySelector("main");
  const words = main.dataset;
  const create = (name, text, className = "") =>
    Object.assign(document.createElement(name), { textContent: text, className });

  // Contents: the current section is that of the last heading above a line in the upper third.
  const side = document.querySelector(".side");
  const menu = document.querySelector(".menu details");
  const here = document.querySelector(".here");
  const links = [...document.querySelectorAll("nav a")];
  const headings = [...main.querySelectorAll("h2[id], h3[id]")];
  const follow = () => {
    const line = innerHeight * 0.3;
    const current = headings.filter((h) => h.getBoundingClientRect().top <= line).pop();
    const address = current ? `#${current.id}` : "";
    side.querySelectorAll(".open").forEach((item) => item.classList.remove("open"));
    here.textContent = "";
    for (const link of links) {
      if (link.getAttribute("href") !== address) {
        link.removeAttribute("aria-current");
        continue;
      }
      link.setAttribute("aria-current", "true");
      here.textContent = link.textContent;
      const top = link.closest(".side > ol > li");
      if (!top) continue;
      top.classList.add("open");
      const [box, view] = [link.getBoundingClientRect(), side.getBoundingClientRect()];
      if (box.top < view.top || box.bottom > view.bottom)
        side.scrollTop += box.top - view.top - view.height / 3;
    }
  };
  side.classList.add("follow");
  // The watched band has no upper end: a jump from one long section to another is seen too.
  const observer = new IntersectionObserver(follow, { rootMargin: "9999999px 0px -70% 0px" });
  headings.forEach((heading) => observer.observe(heading));
  menu.addEventListener("click", (event) => {
    if (event.target.closest("a")) menu.open = false;
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    menu.open = false;
    menu.firstElementChild.focus();
  });

  // Frames that scroll can be reached by keyboard; those that need not scroll are no tab stops.
  const resized = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) target.setAttribute("tabindex", "0");
      else target.removeAttribute("tabindex");
    }
  });
  main.querySelectorAll(".scroll, pre, .card").forEach((frame) => resized.observe(frame));

  for (const figure of main.querySelectorAll("figure")) {
    const button = create("button", words.enlarge, "zoom");
    const card = figure.querySelector(".card");
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => {
      const large = figure.classList.toggle("large");
      button.setAttribute("aria-pressed", String(large));
      if (large) card.setAttribute("tabindex", "0");
      else card.removeAttribute("tabindex");
    });
    card.after(button);
  }

  // A printed number as a number; NaN for other text. \s knows every no-break space.
  const number = (text) => {
    const plain = text.replace(/\s/g, "").replace(/\u2212/g, "-").replace(words.decimal, ".");
    const parts = /^([+-]?\d+(?:\.\d+)?)(?:·10(-?\d+))?%?$/.exec(plain);
    return parts ? parts[1] * 10 ** (parts[2] ?? 0) : NaN;
  };
  const collator = new Intl.Collator(document.documentElement.lang, { numeric: true });
  const blank = (text) => text === "" || text === "–";

  const sort = (table, head, column) => {
    const down = head.getAttribute("aria-sort") === "ascending";
    const rows = [...table.tBodies[0].rows].map((row) => {
      const text = row.cells[column].textContent.trim();
      return { row, text, value: number(text), missing: blank(text) };
    });
    const numeric = rows.every(({ value, missing }) => missing || !Number.isNaN(value));
    rows.sort((a, b) => {
      if (a.missing || b.missing) return a.missing - b.missing;
      const order = numeric ? a.value - b.value : collator.compare(a.text, b.text);
      return down ? -order : order;
    });
    table.tHead.querySelectorAll("[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    table.tBodies[0].append(...rows.map(({ row }) => row));
  };

  const plain = (text) => text.toLowerCase().replace(/\s+/g, " ").trim();
  for (const table of main.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = create("button", "");
      button.title = words.sort;
      button.append(...head.childNodes);
      button.addEventListener("click", () => sort(table, head, column));
      head.append(button);
    });
    const rows = [...table.tBodies[0].rows];
    const label = create("label", words.filter);
    const field = Object.assign(create("input", ""), { type: "search", autocomplete: "off" });
    const state = create("span", "");
    state.setAttribute("role", "status");
    field.addEventListener("input", () => {
      const wanted = plain(field.value).split(" ");
      for (const row of rows) {
        const cells = [...row.cells].filter((cell) => !cell.classList.contains("n"));
        const text = plain(cells.map((cell) => cell.textContent).join(" "));
        row.hidden = !wanted.every((word) => text.includes(word));
      }
      const shown = rows.filter((row) => !row.hidden).length;
      state.textContent = words.shown.replace("{shown}", shown).replace("{all}", rows.length);
    });
    const bar = create("div", "", "filter");
    label.append(field);
    bar.append(label, state);
    table.parentElement.before(bar);
  }
})();
