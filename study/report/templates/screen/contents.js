// Contents: the current section is that of the last heading above a line in the upper third.
{
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
}
