/**
 * The report of a scene: the server makes the page, this shows it. A link cannot carry the scene's secret, and an
 * address should not; so the page is fetched with it, and taken in without running anything of it.
 */
import * as api from "./api.js";
import { byId } from "./dom.js";
import { initLanguage, language, t } from "./i18n.js";
import { scenes } from "./prefs.js";

initLanguage();
document.title = t("report_title");
byId("report-back").textContent = t("report_back");
byId("report-print").textContent = t("report_print");
byId("report-print").addEventListener("click", () => print());
addEventListener("hashchange", () => location.reload());
void show();

async function show() {
  const id = decodeURIComponent(location.hash.slice(1));
  const scene = scenes().find((one) => one.id === id);
  if (!scene) return say(t("report_unknown"));
  say(t("report_loading"));
  try {
    takeIn(await api.report(scene, language()));
  } catch (error) {
    const down = error instanceof api.ApiError && error.code === "server_down";
    say(t(down ? "server_down" : "report_missing"));
  }
}

/** @param {string} words */
function say(words) {
  byId("report-words").textContent = words;
}

/**
 * Scripts of a parsed page never run; its styles and its body are all that is wanted.
 * @param {string} html
 */
function takeIn(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  for (const script of page.querySelectorAll("script")) script.remove();
  document.documentElement.lang = page.documentElement.lang || language();
  document.title = page.title || document.title;
  document.head.append(...page.querySelectorAll("style"));
  for (const time of page.querySelectorAll("time[datetime]")) inOwnZone(time, document.documentElement.lang);
  byId("report-words").remove();
  byId("report-print").hidden = false;
  document.body.className = page.body.className;
  document.body.append(...page.body.childNodes);
}

/**
 * The server knows no time zone but its own.
 * @param {Element} time
 * @param {string} language
 */
function inOwnZone(time, language) {
  const at = new Date(time.getAttribute("datetime") ?? "");
  if (Number.isNaN(at.getTime())) return;
  time.textContent = new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, { dateStyle: "full", timeStyle: "short" }).format(at);
}
