/** The tools at the top of every page: its language and its colours. */
import { byId } from "./dom.js";
import { language, onLanguage, setLanguage, t } from "./i18n.js";
import { load, save } from "./prefs.js";

/** @typedef {import("./types.js").Language} Language */

export function initLanguageSwitch() {
  for (const code of /** @type {Language[]} */ (["ko", "en"])) {
    const button = byId(`language-${code}`);
    button.addEventListener("click", () => setLanguage(code));
    onLanguage(() => button.setAttribute("aria-pressed", String(language() === code)));
  }
}

export function initTheme() {
  const system = matchMedia("(prefers-color-scheme: dark)");
  let chosen = load("theme");
  const isDark = () => (chosen === "dark" || chosen === "light" ? chosen === "dark" : system.matches);
  const apply = () => {
    document.documentElement.dataset.theme = isDark() ? "dark" : "light";
    byId("theme").setAttribute("aria-label", t(isDark() ? "theme_light" : "theme_dark"));
  };
  byId("theme").addEventListener("click", () => {
    chosen = isDark() ? "light" : "dark";
    save("theme", chosen);
    apply();
  });
  system.addEventListener("change", apply);
  onLanguage(apply);
}
