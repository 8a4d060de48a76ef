// Zoom: a figure over the whole window, larger with + and a click, smaller with −, closed with Escape.
{
  const most = 8;
  const dialog = create("dialog", "", { class: "zoomed", "aria-labelledby": "zoomed-caption" });
  const picture = create("img");
  const frame = create("div", "", { class: "frame", tabindex: "0", role: "group", "aria-label": words.zoom });
  const caption = create("p", "", { id: "zoomed-caption" });
  const bar = create("div", "", { class: "bar" });
  const [smaller, larger, close] = [
    sign("−", words.smaller, "round"),
    sign("+", words.larger, "round"),
    sign("×", words.close, "round"),
  ];
  bar.append(caption, smaller, larger, close);
  dialog.append(bar, frame);
  document.body.append(dialog);

  let fitting = 0; // width in pixels at which the whole picture is in sight
  let scale = 1;
  const show = (wanted) => {
    const middle = (frame.scrollLeft + frame.clientWidth / 2) / frame.scrollWidth;
    const centre = (frame.scrollTop + frame.clientHeight / 2) / frame.scrollHeight;
    scale = Math.min(most, Math.max(1, wanted));
    picture.style.width = `${fitting * scale}px`;
    frame.scrollLeft = middle * frame.scrollWidth - frame.clientWidth / 2;
    frame.scrollTop = centre * frame.scrollHeight - frame.clientHeight / 2;
  };

  const open = (figure) => {
    const image = figure.querySelector("img");
    picture.src = image.src;
    picture.alt = image.alt;
    caption.textContent = oneLine(figure.querySelector("figcaption").textContent);
    frame.replaceChildren(picture);
    dialog.showModal();
    close.focus(); // not autofocus: the browser complains of it where an address has a fragment
    const ratio = image.naturalHeight / image.naturalWidth || 1;
    fitting = Math.min(frame.clientWidth, frame.clientHeight / ratio);
    frame.scrollTo(0, 0);
    // Never smaller than the size for which its letters are made, as a phone would show the whole picture.
    show(image.getAttribute("width") / fitting);
    frame.scrollTo(0, 0);
  };

  smaller.addEventListener("click", () => show(scale / 1.5));
  larger.addEventListener("click", () => show(scale * 1.5));
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => picture.remove());
  picture.addEventListener("click", () => show(scale > 1 ? 1 : 2.5));
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "+" || event.key === "=") show(scale * 1.5);
    if (event.key === "-") show(scale / 1.5);
    if (event.key === "0") show(1);
  });

  for (const figure of main.querySelectorAll("figure")) {
    const text = figure.querySelector("figcaption");
    if (!text) continue;
    const number = oneLine(text.textContent).split(" – ")[0];
    const enlarge = sign("+", `${words.enlarge}: ${number}`, "zoom round");
    enlarge.addEventListener("click", () => open(figure));
    figure.querySelector("img").addEventListener("click", () => {
      // The focus returns to where it is when a dialog opens.
      enlarge.focus({ preventScroll: true });
      open(figure);
    });
    text.after(enlarge);
  }
}
