"use strict";
// Before anything is shown: the theme that the reader chose last time.
try {
  const theme = localStorage.getItem("report-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // A page in a frame or from a file may have no storage; the system decides then.
}
