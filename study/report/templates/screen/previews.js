// Previews: what a link within the report leads to, beside the link, as long as it has the pointer or focus.
{
  const mostRows = 5;
  const mostLines = 8;
  const box = create("div", "", { class: "preview", role: "tooltip", id: "preview" });
  box.hidden = true;
  document.body.append(box);

  const copyOf = (element) => {
    const copy = element.cloneNode(true);
    copy.querySelectorAll("button").forEach((control) => control.replaceWith(...control.childNodes));
    copy.querySelectorAll(".unseen").forEach((part) => part.remove());
    for (const part of [copy, ...copy.querySelectorAll("*")])
      for (const name of ["id", "tabindex", "aria-sort", "aria-labelledby"]) part.removeAttribute(name);
    return copy;
  };
  const paragraph = (text, className = "") => create("p", oneLine(text), { class: className });
  const captionOf = (holder) => paragraph(holder.querySelector(".tcaption, figcaption").textContent, "tcaption");

  // The cells of a row below each other, each with the head of its column.
  const rowContent = (row, link) => {
    const table = row.closest("table");
    const heads = [...table.tHead.rows[0].cells];
    const list = create("dl");
    let group = row;
    while (group && !group.querySelector("[scope=rowgroup]")) group = group.previousElementSibling;
    if (group && group !== row) list.append(create("dt", ""), create("dd", oneLine(group.textContent)));
    [...row.cells].forEach((cell, column) => {
      const value = create("dd");
      value.append(...copyOf(cell).childNodes);
      if (cell.textContent.includes(link.textContent)) value.className = "hit";
      list.append(copyOfHead(heads[column]), value);
    });
    return [paragraph(words.row), captionOf(row.closest(".tablebox")), list];
  };
  const copyOfHead = (head) => {
    const name = create("dt");
    if (head) name.append(...copyOf(head).childNodes);
    return name;
  };

  const tableContent = (holder) => {
    const table = copyOf(holder.querySelector("table"));
    [...table.tBodies[0].rows].slice(mostRows).forEach((row) => row.remove());
    return [captionOf(holder), table];
  };

  const content = (target, link) => {
    if (target.matches("tr")) return rowContent(target, link);
    if (target.matches(".tablebox") && target.querySelector("table")) return tableContent(target);
    if (target.matches("figure")) return [copyOf(target.querySelector("img")), captionOf(target)];
    if (target.matches(".formula")) return [copyOf(target.querySelector("img"))];
    if (target.matches(".listing")) {
      const lines = target.querySelector("pre").textContent.trim().split("\n");
      return [captionOf(target), create("pre", lines.slice(0, mostLines).join("\n"))];
    }
    if (target.matches(".sources li")) return [paragraph(target.textContent)];
    return [];
  };

  let shown = null;
  let timer;
  const hide = () => {
    clearTimeout(timer);
    shown?.removeAttribute("aria-describedby");
    shown = null;
    box.hidden = true;
  };
  const show = (link) => {
    if (link === shown) return;
    hide();
    const target = named(link.hash);
    const parts = target && !box.contains(link) ? content(target, link) : [];
    if (!parts.length) return;
    box.replaceChildren(...parts);
    box.hidden = false;
    shown = link;
    link.setAttribute("aria-describedby", "preview");
    const at = link.getClientRects()[0];
    const left = Math.max(8, Math.min(at.left, document.documentElement.clientWidth - box.offsetWidth - 8));
    const above = at.top - box.offsetHeight - 6;
    const below = at.bottom + 6;
    const top = below + box.offsetHeight > innerHeight && above > 0 ? above : below;
    box.style.left = `${left + scrollX}px`;
    box.style.top = `${top + scrollY}px`;
  };
  const later = (task, delay) => {
    clearTimeout(timer);
    timer = setTimeout(task, delay);
  };
  const linkAt = (event) => event.target.closest?.("main a[href^='#']");

  // A pointer may move from the link into the preview.
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType === "touch") return;
    const link = linkAt(event);
    if (link) later(() => show(link), 150);
    else if (box.contains(event.target)) clearTimeout(timer);
    else if (shown && shown !== document.activeElement) later(hide, 250);
    else clearTimeout(timer);
  });
  document.addEventListener("focusin", (event) => {
    const link = linkAt(event);
    if (link?.matches(":focus-visible")) show(link);
    else hide();
  });
  document.addEventListener("focusout", hide);
  document.addEventListener("click", (event) => {
    if (!box.contains(event.target)) hide();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
  });
}
