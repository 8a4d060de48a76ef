// Theme: light, dark or that of the system. Paper is always light, see screen.css.
{
  const root = document.documentElement;
  const field = create("fieldset", "", { class: "theme" });
  field.append(create("legend", words.theme));
  for (const theme of ["light", "dark", "system"]) {
    const choice = create("input", "", { type: "radio", name: "theme", value: theme });
    choice.checked = theme === (root.dataset.theme ?? "system");
    choice.addEventListener("change", () => {
      if (theme === "system") delete root.dataset.theme;
      else root.dataset.theme = theme;
      try {
        localStorage.setItem("report-theme", theme);
      } catch {
        // Without storage the choice lasts as long as the page.
      }
    });
    const label = create("label");
    label.append(choice, create("span", words[theme]));
    field.append(label);
  }
  tools.append(field);
}
