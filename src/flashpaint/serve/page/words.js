// The page's texts in the language of now. Knows no element but those that carry data-say.

import { settings } from "./settings.js";
import { TEXTS } from "./texts.js";

export { COLOURS, EXAMPLES, STYLES } from "./texts.js";

export function language() {
  const chosen = settings.get("language");
  return chosen in TEXTS ? chosen : navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

/** The text of that name, its {places} filled. */
export function say(name, places = {}) {
  const text = TEXTS[language()][name] ?? TEXTS.en[name] ?? name;
  return text.replace(/\{(\w+)\}/g, (whole, place) => places[place] ?? whole);
}

/** A Refusal in plain words: in ours where we have better ones, else in the server's. */
export function sayRefusal({ code, param, message, retry }) {
  const own = TEXTS[language()][`refused_${code}`] ?? TEXTS.en[`refused_${code}`];
  const said = message ? message[0].toUpperCase() + message.slice(1) : "";
  const text = own?.replace("{param}", param ?? "").replace("{said}", said) ?? (said ? say("refused", { said: /[.!?]$/.test(said) ? said : `${said}.` }) : say("refused_unknown"));
  return retry ? `${text} ${say("retrying", { seconds: Math.ceil(retry) })}` : text;
}

/** Write the page's texts anew. */
export function sayAll(root = document) {
  document.documentElement.lang = language() === "zh" ? "zh-Hans" : "en";
  for (const one of root.querySelectorAll("[data-say]")) one.textContent = say(one.dataset.say);
  for (const one of root.querySelectorAll("[data-say-hint]")) one.placeholder = say(one.dataset.sayHint);
  for (const one of root.querySelectorAll("[data-say-label]")) label(one, say(one.dataset.sayLabel));
}

/** What a screen reader says of a control, and what hovering shows of a button without words. */
export function label(element, text) {
  element.setAttribute("aria-label", text);
  if (element.matches("button.icon")) element.title = text;
}
