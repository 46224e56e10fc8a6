// Before the first paint: the theme that was chosen, so that nothing flashes. The rest is appearance.js's.
try {
  const chosen = JSON.parse(localStorage.getItem("flashpaint") || "{}").theme;
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // no storage here: the system's theme it is
}
