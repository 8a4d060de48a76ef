// Tables: every column sorts, and the rows of runs are found by words, numbers and choices.
{
  const collator = new Intl.Collator(document.documentElement.lang, { numeric: true });
  const kinds = ["model", "init", "scope", "rates", "seed"];
  // The file whose rows a table shows.
  const files = { "tab-runs": "file-results", "tab-trials": "file-trials", "tab-contrasts": "file-contrasts" };

  // A printed number without the signs between its groups, with a point. \s knows every no-break space.
  const digits = (text) =>
    text.split(words.group).join("").replace(/\s/g, "").replace(/\u2212/g, "-").replace(words.decimal, ".");
  // A printed number as a number; NaN for other text.
  const number = (text) => {
    const parts = /^([+-]?\d+(?:\.\d+)?)(?:·10(-?\d+))?%?$/.exec(digits(text));
    return parts ? parts[1] * 10 ** (parts[2] ?? 0) : NaN;
  };
  const blank = (text) => text === "" || text === "–";

  // The first click sorts upwards, the second downwards, the third restores the order of the report.
  const sort = (table, head, column, original) => {
    const before = head.getAttribute("aria-sort");
    table.tHead.querySelectorAll("[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
    if (before === "descending") {
      table.tBodies[0].append(...original);
      return;
    }
    const rows = original.map((row) => {
      const text = row.cells[column].textContent.trim();
      return { row, text, value: number(text), missing: blank(text) };
    });
    const numeric = rows.every(({ value, missing }) => missing || !Number.isNaN(value));
    rows.sort((a, b) => {
      if (a.missing || b.missing) return a.missing - b.missing;
      const order = numeric ? a.value - b.value : collator.compare(a.text, b.text);
      return before ? -order : order;
    });
    head.setAttribute("aria-sort", before ? "descending" : "ascending");
    table.tBodies[0].append(...rows.map(({ row }) => row));
  };

  // What a row is found by: its words as one line, and its numbers.
  const known = (row) => {
    const cells = [...row.cells];
    const text = cells.filter((cell) => !cell.matches(".n")).map((cell) => cell.textContent);
    const numbers = cells.filter((cell) => cell.matches(".n")).map((cell) => digits(cell.textContent));
    return { row, text: oneLine(text.join(" ").toLowerCase()), numbers };
  };
  // "86" finds 86.40 and not 860 or 1.86; "86.4" finds 86.40 and 86.45.
  const finds = ({ text, numbers }, word) => {
    const wanted = digits(word);
    if (!/^[+-]?\d+(\.\d*)?$/.test(wanted)) return text.includes(word);
    if (wanted.includes(".")) return numbers.some((cell) => cell.startsWith(wanted));
    return text.split(" ").includes(word) || numbers.some((cell) => cell.split(/[.·]/)[0] === wanted);
  };

  const bar = (table) => {
    const rows = [...table.tBodies[0].rows].map(known);
    const made = create("div", "", { class: "bar filter", role: "group", "aria-label": words.filter });
    const add = (name, control) => {
      control.setAttribute("aria-label", name);
      const label = create("label");
      label.append(create("span", name), control);
      made.append(label);
    };
    const field = create("input", "", { type: "search", autocomplete: "off", placeholder: words.example });
    add(words.filter, field);
    const choices = [];
    for (const kind of kinds) {
      const values = [...new Set(rows.map(({ row }) => row.dataset[kind]))].filter(Boolean);
      if (values.length < 2) continue;
      if (kind === "seed") values.sort(collator.compare);
      const choice = create("select");
      choice.append(new Option(words.every, ""), ...values.map((value) => new Option(value, value)));
      add(words[`filter${kind[0].toUpperCase()}${kind.slice(1)}`], choice);
      choices.push([kind, choice]);
    }
    const count = create("span", "", { role: "status" });
    made.append(count);
    const update = () => {
      // A number that is copied from a table has no-break spaces between its groups.
      const text = field.value.toLowerCase().replace(/(\d)[\u00a0\u202f](?=\d{3})/g, "$1");
      const wanted = oneLine(text).split(" ").filter(Boolean);
      for (const each of rows) {
        const chosen = choices.every(([kind, { value }]) => !value || each.row.dataset[kind] === value);
        each.row.hidden = !chosen || !wanted.every((word) => finds(each, word));
      }
      const shown = rows.filter(({ row }) => !row.hidden).length;
      count.textContent = words.shown.replace("{shown}", shown).replace("{all}", rows.length);
    };
    made.addEventListener("input", update);
    update();
    return made;
  };

  for (const table of main.querySelectorAll("table.sortable")) {
    const original = [...table.tBodies[0].rows];
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const sorting = button("", { title: words.sort });
      sorting.append(...head.childNodes);
      sorting.addEventListener("click", () => sort(table, head, column, original));
      head.append(sorting);
    });
    if (table.matches(".runs")) table.parentElement.before(bar(table));
  }

  for (const [place, file] of Object.entries(files)) {
    const [table, saved] = [main.querySelector(`#${place} .scroll`), main.querySelector(`#${file} a`)];
    if (!table || !saved) continue;
    const link = create("a", words.download.replace("{name}", saved.download), { download: saved.download });
    link.href = saved.href;
    const below = create("p", "", { class: "bar save" });
    below.append(link);
    table.after(below);
  }
}
