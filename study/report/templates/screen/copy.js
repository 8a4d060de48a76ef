// Copying: the address of every heading, and the text of every listing.
{
  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // The page is in a frame or has no permission; a selection can still be copied.
      const focused = document.activeElement;
      const field = create("textarea", "", { class: "unseen" });
      field.value = text;
      document.body.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
      focused?.focus({ preventScroll: true });
    }
    say(words.copied);
  };

  for (const heading of main.querySelectorAll("h2[id], h3[id]")) {
    const link = sign("#", `${words.link}: ${oneLine(heading.textContent)}`, "copy");
    link.addEventListener("click", () => copy(`${location.href.replace(/#.*$/, "")}#${heading.id}`));
    heading.after(link);
  }

  for (const code of main.querySelectorAll("pre")) {
    const number = oneLine(named(`#${code.getAttribute("aria-labelledby")}`)?.textContent ?? "");
    const all = button(words.code, { class: "plain", "aria-label": `${words.code}: ${number}` });
    all.addEventListener("click", () => copy(code.textContent));
    const bar = create("div", "", { class: "bar end" });
    bar.append(all);
    code.before(bar);
  }
}
