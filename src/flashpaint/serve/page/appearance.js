// Language, theme and scaling: chosen once, remembered.

import { $ } from "./elements.js";
import { settings } from "./settings.js";
import { label, language, say, sayAll } from "./words.js";

const THEMES = { "": "light", light: "dark", dark: "" };

function sayAppearance() {
  const theme = settings.get("theme");
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  label($("theme"), say(`theme_${theme}`));
  $("language").textContent = language() === "zh" ? "English" : "中文";
  $("language").lang = language() === "zh" ? "en" : "zh";
  $("frame").dataset.scaling = settings.get("scaling");
  $("scaling").value = settings.get("scaling");
}

/** afterwards: what to say anew once the language has changed. */
export function dress(afterwards) {
  $("language").addEventListener("click", () => {
    settings.set("language", language() === "zh" ? "en" : "zh");
    sayAll();
    sayAppearance();
    afterwards();
  });
  $("theme").addEventListener("click", () => {
    settings.set("theme", THEMES[settings.get("theme")] ?? "");
    sayAppearance();
  });
  $("scaling").addEventListener("change", () => {
    settings.set("scaling", $("scaling").value);
    sayAppearance();
  });
  sayAll();
  sayAppearance();
}
