// Folds: a narrow screen begins with them closed. What a link leads to is opened, and paper has all of it.
{
  const folds = [...main.querySelectorAll("details.fold")];
  const fit = () => folds.forEach((fold) => (fold.open = !narrow.matches));

  const reveal = (target) => {
    if (!target) return;
    if (target.matches("tr")) target.hidden = false;
    const inside = target.matches("h2, h3")
      ? target.parentElement.nextElementSibling
      : target.querySelector(":scope > details.fold");
    if (inside?.matches("details.fold")) inside.open = true;
    for (let fold = target.closest("details.fold"); fold; fold = fold.parentElement.closest("details.fold"))
      fold.open = true;
  };

  fit();
  narrow.addEventListener("change", fit);
  document.addEventListener(
    "click",
    (event) => {
      const link = event.target.closest("a[href^='#']");
      if (link) reveal(named(link.hash));
    },
    true,
  );
  addEventListener("hashchange", () => reveal(named(location.hash)));
  if (location.hash) {
    reveal(named(location.hash));
    named(location.hash)?.scrollIntoView();
  }

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = folds.filter((fold) => !fold.open);
    closed.forEach((fold) => (fold.open = true));
  });
  addEventListener("afterprint", () => closed.forEach((fold) => (fold.open = false)));

  if (folds.length) {
    const all = button(words.unfold, { class: "unfold" });
    const some = () => folds.some((fold) => !fold.open);
    all.addEventListener("click", () => {
      const open = some();
      folds.forEach((fold) => (fold.open = open));
    });
    // The event does not bubble, so it is caught on its way down.
    main.addEventListener("toggle", () => (all.textContent = some() ? words.unfold : words.fold), true);
    tools.append(all);
  }
}
